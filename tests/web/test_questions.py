"""The three questions over real HTTP: what is answered is what the engine says."""

import asyncio
import base64
import logging
import re
from collections.abc import AsyncIterator

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rvs.answer import Question, Served, answer
from rvs.errors import GalleryCorruptError
from rvs.photo import read_photo
from rvs.report import match_document
from rvs.service import ServiceLimits
from rvs.stages import Stages
from tests.web.running import Reply, Running, Setup, until


class TestFind:
    async def test_the_photo_as_the_body(self, web: Running, served: Served, portrait: bytes) -> None:
        reply = await web.post("/v1/find?people=5", portrait)
        expected = served.engine.find(read_photo(portrait), 5)
        assert reply.status == 200
        document = reply.document
        assert (document["format"], document["index"]) == (1, "lfw")
        assert document["index_version"] == served.engine.version.manifest.version
        assert (document["width_px"], document["height_px"]) == (512, 512)
        (searched,) = document["searched"]
        assert searched["face"] == 1
        assert searched["quality"]["usable"] is True
        assert searched["matches"] == [
            match_document(match).model_dump(mode="json") for match in expected.searched[0].matches
        ]
        assert (searched["grid"], document["overview"], document["photo_jpeg"]) == (None, None, None)

    @pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "image/x-whatever"])
    async def test_of_whatever_kind_it_says_it_is(self, web: Running, portrait: bytes, kind: str) -> None:
        assert (await web.post("/v1/find", portrait, kind)).status == 200

    async def test_the_photo_in_a_form(self, web: Running, portrait: bytes) -> None:
        in_form = await web.form("/v1/find?people=2", {"photo": portrait})
        as_body = await web.post("/v1/find?people=2", portrait)
        assert in_form.status == 200
        assert in_form.document["searched"] == as_body.document["searched"]

    async def test_a_photo_in_chunks_of_unknown_length(self, web: Running, portrait: bytes) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(portrait), 1000):
                yield portrait[start : start + 1000]

        assert (await web.post("/v1/find", chunks())).status == 200

    async def test_eight_people_unless_asked_otherwise(self, web: Running, portrait: bytes) -> None:
        for query, people in (("", 8), ("?people=1", 1), ("?people=100", 100)):
            document = (await web.post(f"/v1/find{query}", portrait)).document
            assert len(document["searched"][0]["matches"]) == people

    async def test_another_face(self, web: Running, group: bytes) -> None:
        first, third = [(await web.post(f"/v1/find?face={n}", group)).document for n in (1, 3)]
        assert first["faces"] == third["faces"]
        assert len(first["faces"]) == 3
        assert [document["searched"][0]["face"] for document in (first, third)] == [1, 3]
        assert first["searched"][0]["quality"]["width_px"] > third["searched"][0]["quality"]["width_px"]

    async def test_pictures_when_asked_for(self, web: Running, group: bytes) -> None:
        asked = "/v1/find?grid=true&overview=true&keep_photo=true&max_bytes=60000"
        document = (await web.post(asked, group)).document
        (searched,) = document["searched"]
        for picture in (searched["grid"], document["overview"]):
            photo = read_photo(base64.b64decode(picture["base64"], validate=True))
            assert (photo.width_px, photo.height_px) == (picture["width_px"], picture["height_px"])
            assert picture["media_type"] == "image/jpeg"
        assert searched["matches"][0]["person"] in searched["grid"]["alt_text"]
        assert len(base64.b64decode(searched["grid"]["base64"])) <= 60_000
        kept = read_photo(base64.b64decode(document["photo_jpeg"], validate=True))
        assert (kept.width_px, kept.height_px) == (1020, 480)

    async def test_one_face_has_no_overview(self, web: Running, portrait: bytes) -> None:
        assert (await web.post("/v1/find?overview=true", portrait)).document["overview"] is None

    async def test_the_grid_itself(self, web: Running, served: Served, portrait: bytes) -> None:
        reply = await web.post("/v1/find?people=3", portrait, headers={"Accept": "image/jpeg"})
        assert (reply.status, reply.headers["Content-Type"]) == (200, "image/jpeg")
        expected = answer(served, portrait, Question(3, max_bytes=1_000_000), Stages()).picture
        assert expected is not None
        assert reply.body == expected.jpeg

    async def test_an_error_is_json_also_when_a_picture_is_wanted(self, web: Running, wall: bytes) -> None:
        reply = await web.post("/v1/find", wall, headers={"Accept": "image/jpeg"})
        assert (reply.status, reply.code) == (422, "no_face")


class TestCompare:
    async def test_two_photos(self, web: Running, served: Served, portrait: bytes, group: bytes) -> None:
        reply = await web.form("/v1/compare", {"first": portrait, "second": group})
        assert reply.status == 200
        expected = served.engine.compare(read_photo(portrait), read_photo(group))
        document = reply.document
        assert document["score"]["distance"] == round(expected.score.distance, 5)
        assert document["score"]["word"] == "uncanny"
        assert document["first"]["width_px"] < document["second"]["width_px"] or document["second"]["usable"]
        assert document["picture"] is None

    async def test_the_order_of_the_fields_does_not_matter(
        self, web: Running, portrait: bytes, wall: bytes
    ) -> None:
        reply = await web.form("/v1/compare", {"second": wall, "first": portrait})
        assert (reply.status, reply.code) == (422, "no_face")
        assert "second" in reply.document["error"]["message"]

    async def test_with_its_picture(self, web: Running, portrait: bytes) -> None:
        reply = await web.form("/v1/compare?picture=true", {"first": portrait, "second": portrait})
        picture = reply.document["picture"]
        assert read_photo(base64.b64decode(picture["base64"])).width_px == picture["width_px"]
        assert "uncanny" in picture["alt_text"]

    async def test_one_photo_is_too_few(self, web: Running, portrait: bytes) -> None:
        reply = await web.form("/v1/compare", {"first": portrait})
        assert (reply.status, reply.code) == (400, "config")
        assert '"second"' in reply.document["error"]["message"]

    async def test_not_as_one_body(self, web: Running, portrait: bytes) -> None:
        assert (await web.post("/v1/compare", portrait)).status == 415


class TestEmbed:
    async def test_vectors_as_the_index_has_them(self, web: Running, served: Served, group: bytes) -> None:
        document = (await web.post("/v1/embed", group)).document
        assert document["dimension"] == 128
        assert document["fingerprint"] == served.engine.pipeline.fingerprint
        assert [one["face"] for one in document["embedded"]] == [1, 2, 3]
        sent = np.array([one["vector"] for one in document["embedded"]])
        np.testing.assert_allclose(sent, served.engine.embed(read_photo(group)).vectors, atol=1e-7)
        np.testing.assert_allclose(np.linalg.norm(sent, axis=1), 1, atol=1e-5)

    async def test_the_vector_finds_whom_the_photo_finds(
        self, web: Running, served: Served, portrait: bytes
    ) -> None:
        (one,) = (await web.post("/v1/embed?face=1", portrait)).document["embedded"]
        nearest = served.engine.rank_people(np.array([one["vector"]], np.float32), 1)[0]
        found = (await web.post("/v1/find", portrait)).document["searched"][0]["matches"][0]
        assert served.engine.version.people[nearest.person] == found["person"]

    async def test_one_face(self, web: Running, group: bytes) -> None:
        document = (await web.post("/v1/embed?face=2", group)).document
        assert len(document["faces"]) == 3
        assert [one["face"] for one in document["embedded"]] == [2]


class TestRefused:
    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("people=0", "people"),
            ("people=101", "people"),
            ("people=3.5", "whole number"),
            ("people=+3", "whole number"),
            ("people=٣", "whole number"),
            ("people=", "people"),
            ("face=0", "face"),
            ("face=all", "face"),
            ("face=99999999999999999999", "face"),
            ("grid=1", "true or false"),
            ("grid=True", "true or false"),
            ("max_bytes=10", "max_bytes"),
            ("max_bytes=9000000", "max_bytes"),
            ("pepole=3", "pepole"),
            ("people=1&people=2", "twice"),
        ],
    )
    async def test_a_parameter_that_makes_no_sense(
        self, web: Running, portrait: bytes, query: str, said: str
    ) -> None:
        reply = await web.post(f"/v1/find?{query}", portrait)
        assert (reply.status, reply.code) == (400, "config")
        assert said in reply.document["error"]["message"]

    async def test_a_face_that_is_not_there(self, web: Running, portrait: bytes) -> None:
        reply = await web.post("/v1/find?face=2", portrait)
        assert (reply.status, reply.code) == (400, "config")

    @pytest.mark.parametrize(
        ("data", "status", "code"),
        [
            (b"", 422, "photo.empty"),
            (b"this is text", 415, "photo.not_an_image"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "photo.not_an_image"),
            (b"%PDF-1.4\n", 415, "photo.not_an_image"),
        ],
    )
    async def test_what_is_no_photo(self, web: Running, data: bytes, status: int, code: str) -> None:
        for path in ("/v1/find", "/v1/embed"):
            reply = await web.post(path, data)
            assert (reply.status, reply.code) == (status, code)

    async def test_a_photo_that_ends_early(self, web: Running, portrait: bytes) -> None:
        reply = await web.post("/v1/find", portrait[: len(portrait) // 2])
        assert (reply.status, reply.code) == (422, "photo.truncated")

    async def test_a_photo_of_nobody(self, web: Running, wall: bytes) -> None:
        for path in ("/v1/find", "/v1/embed"):
            reply = await web.post(path, wall)
            assert (reply.status, reply.code) == (422, "no_face")

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
    async def test_questions_are_posted(self, web: Running, method: str) -> None:
        reply = await web.get("/v1/find", method)
        assert reply.status == 405
        assert reply.headers["Allow"] == "POST"
        assert method == "HEAD" or reply.code == "method_not_allowed"

    @pytest.mark.parametrize(
        "path", ["/v1", "/v1/", "/v1/find/", "/v2/find", "/page", "/page/../x", "/favicon.ico"]
    )
    async def test_there_is_nothing_else(self, web: Running, path: str) -> None:
        reply = await web.get(path)
        assert (reply.status, reply.code) == (404, "not_found")


class TestLoad:
    @pytest.mark.parametrize("setup", [Setup(started=False)])
    async def test_while_it_starts(self, web: Running, portrait: bytes) -> None:
        reply = await web.post("/v1/find", portrait)
        assert (reply.status, reply.code) == (503, "busy")
        assert int(reply.headers["Retry-After"]) >= 1
        assert (await web.get("/readyz")).status == 503
        assert (await web.get("/livez")).status == 200

    async def test_while_it_stops(self, web: Running, portrait: bytes) -> None:
        assert (await web.get("/readyz")).status == 200
        web.service.stop()
        reply = await web.post("/v1/find", portrait)
        assert (reply.status, reply.code) == (503, "busy")
        assert int(reply.headers["Retry-After"]) >= 1
        assert (await web.get("/readyz")).status == 503

    @pytest.mark.parametrize("setup", [Setup(ServiceLimits(workers=1, queue=1, photos_in_memory=1))])
    async def test_who_finds_no_room_is_told_when_to_ask(self, web: Running, portrait: bytes) -> None:
        replies = await asyncio.gather(*(web.post("/v1/find?grid=true", portrait) for _ in range(12)))
        statuses = [reply.status for reply in replies]
        assert set(statuses) == {200, 503}
        busy = [reply for reply in replies if reply.status == 503]
        assert all(reply.code == "busy" and int(reply.headers["Retry-After"]) >= 1 for reply in busy)
        assert (await web.post("/v1/find", portrait)).status == 200

    @pytest.mark.parametrize("setup", [Setup(ServiceLimits(work_seconds=0.001))])
    async def test_a_photo_that_takes_too_long(self, web: Running, portrait: bytes) -> None:
        reply = await web.post("/v1/find?grid=true", portrait)
        assert (reply.status, reply.code) == (504, "deadline")

    @pytest.mark.parametrize("setup", [Setup(answer_seconds=0.001)])
    async def test_an_answer_that_takes_too_long(self, web: Running, portrait: bytes) -> None:
        reply = await web.post("/v1/find?grid=true", portrait)
        assert (reply.status, reply.code) == (504, "deadline")

    @pytest.mark.parametrize("setup", [Setup(ServiceLimits(workers=1, queue=64, photos_in_memory=1))])
    async def test_who_hangs_up_gives_the_place_in_line_back(self, web: Running, portrait: bytes) -> None:
        async with web.service.turn(Stages()):  # nobody else's turn comes
            asking = asyncio.create_task(web.post("/v1/find", portrait))
            await until(lambda: web.service.waiting == 1)
            asking.cancel()
            await asyncio.wait([asking])
            await until(lambda: web.service.waiting == 0 and web.questions.open_questions == 0)
        assert web.uploads.taken_bytes == 0
        assert (await web.post("/v1/find", portrait)).status == 200

    async def test_many_at_once_are_all_answered_alike(
        self, web: Running, portrait: bytes, group: bytes
    ) -> None:
        asked = [portrait, group] * 10
        replies = await asyncio.gather(*(web.post("/v1/find?people=3", photo) for photo in asked))
        assert {reply.status for reply in replies} == {200}
        faces = [len(reply.document["faces"]) for reply in replies]
        assert faces == [1, 3] * 10
        assert web.service.open_turns == 0
        assert web.uploads.taken_bytes == 0


class TestSeen:
    async def test_questions_are_counted_by_their_end(
        self, web: Running, portrait: bytes, wall: bytes
    ) -> None:
        for photo in (portrait, wall, b"text"):
            await web.post("/v1/find", photo)
        await web.get("/v1/find")
        numbers = _numbers(await web.get("/metrics"), "rvs_queries_total")
        assert numbers[("answered", "")] == 1
        assert numbers[("refused", "no_face")] == 1
        assert numbers[("refused", "photo.not_an_image")] == 1

    async def test_there_are_no_numbers_of_a_chat(self, web: Running) -> None:
        text = (await web.get("/metrics")).body.decode()
        assert "rvs_gateway_connected" not in text
        assert "rvs_guilds" not in text

    async def test_the_log_tells_the_stages_under_the_id_that_was_sent(
        self, web: Running, portrait: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        await web.post("/v1/find?grid=true", portrait, headers={"X-Query-Id": "00c0ffee"})
        stages = re.findall(r"query=00c0ffee stage=(\w+)", caplog.text)
        assert stages == ["queue", "worker", "decode", "search", "grid"]

    @pytest.mark.parametrize("name", ["", "00C0FFEE", "00c0ffee0", "00c0ffee\tforged=1", "x" * 200])
    async def test_no_other_id_gets_into_the_log(
        self, web: Running, portrait: bytes, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        await web.post("/v1/find", portrait, headers={"X-Query-Id": name})
        ids = set(re.findall(r"query=(\S+)", caplog.text))
        assert len(ids) == 1
        assert re.fullmatch(r"[0-9a-f]{8}", ids.pop())

    async def test_the_log_has_neither_photo_nor_people(
        self, web: Running, portrait: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        found = (await web.form("/v1/find", {"photo": portrait})).document["searched"][0]["matches"]
        assert found[0]["person"] not in caplog.text
        assert "me.jpg" not in caplog.text

    async def test_something_unexpected_is_500_and_one_traceback(
        self,
        web: Running,
        portrait: bytes,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        _answering_raises(monkeypatch, ZeroDivisionError("inside"))
        reply = await web.post("/v1/find", portrait)
        assert (reply.status, reply.code) == (500, "unexpected")
        assert b"inside" not in reply.body
        assert len([record for record in caplog.records if record.exc_info]) == 1

    async def test_what_only_the_operator_can_mend_is_told_to_the_log_alone(
        self,
        web: Running,
        portrait: bytes,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        _answering_raises(monkeypatch, GalleryCorruptError("The index in /srv/secret is damaged."))
        reply = await web.post("/v1/find", portrait)
        assert (reply.status, reply.code) == (500, "gallery.corrupt")
        assert b"secret" not in reply.body
        assert "/srv/secret" in caplog.text


def _answering_raises(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("rvs.web.questions.answer", broken)


def _numbers(reply: Reply, name: str) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["outcome"], sample.labels["code"]): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
        if sample.name == name
    }
