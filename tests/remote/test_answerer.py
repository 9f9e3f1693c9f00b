"""An engine elsewhere over real HTTP: the same answers as here, and what happens when it fails."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web
from PIL import Image

from rvs.answer import Answer, Compared, Question, Served, answer, compare
from rvs.errors import (
    BusyError,
    ConfigError,
    DeadlineError,
    EngineError,
    EngineUnreachableError,
    GalleryCorruptError,
    LookalikeError,
    NoFaceError,
    NotAnImageError,
    TooLargeError,
    TruncatedError,
)
from rvs.remote.answerer import RemoteAnswerer
from rvs.remote.replicas import Replicas
from rvs.render import Picture
from rvs.report import match_document, score_document
from rvs.service import ServiceLimits
from rvs.stages import Stages
from tests.remote.broken import (
    Act,
    broken_engine,
    hangs_up,
    nobody,
    refuses,
    says,
    says_nothing,
    says_too_much,
    stops_in_the_middle,
)
from tests.web.running import KEY, Setup, running, until


@asynccontextmanager
async def asking(
    *urls: str, key: str | None = None, seconds: float = 20, limits: ServiceLimits | None = None
) -> AsyncIterator[RemoteAnswerer]:
    replicas = Replicas(urls, key, seconds)
    replicas.open()
    answerer = RemoteAnswerer(replicas, limits or ServiceLimits())
    try:
        await replicas.look()
        yield answerer
    finally:
        await answerer.close()
        await replicas.close()


async def ask(answerer: RemoteAnswerer, photo: bytes, question: Question | None = None) -> Answer:
    async with answerer.turn(Stages()) as turn:
        return await turn.answer(photo, question or Question(3))


async def ask_two(answerer: RemoteAnswerer, first: bytes, second: bytes) -> Compared:
    async with answerer.turn(Stages()) as turn:
        return await turn.compare(first, second)


def same_picture(one: Picture | None, other: Picture | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.jpeg, one.alt_text, one.width_px, one.height_px) == (
        *(other.jpeg, other.alt_text, other.width_px, other.height_px),
    )


class TestTheSameAsHere:
    @pytest.mark.parametrize("face", [1, 2, 3])
    async def test_answers(self, served: Served, group: bytes, face: int) -> None:
        question = Question(8, face, max_bytes=100_000, keep_photo=True)
        here = answer(served, group, question, Stages())
        async with running(served) as web, asking(web.url) as answerer:
            there = await ask(answerer, group, question)
        assert (there.faces, there.face) == (here.faces, here.face) == (3, face)
        assert same_picture(there.picture, here.picture)
        assert same_picture(there.overview, here.overview)
        assert there.photo == here.photo
        assert there.found.index_version == here.found.index_version
        for ours, theirs in zip(here.found.matches, there.found.matches, strict=True):
            assert match_document(theirs) == match_document(ours)
        assert here.found.quality is not None
        assert there.found.quality is not None
        assert there.found.quality.problems == here.found.quality.problems
        assert there.found.face is not None
        assert here.found.face is not None
        np.testing.assert_allclose(there.found.face.points, here.found.face.points, atol=0.051)

    async def test_without_pictures(self, served: Served, group: bytes) -> None:
        async with running(served) as web, asking(web.url) as answerer:
            there = await ask(answerer, group, Question(3, grid=False, overview=False))
        assert (there.picture, there.overview, there.photo) == (None, None, None)

    async def test_comparisons(self, served: Served, portrait: bytes, group: bytes) -> None:
        here = compare(served, portrait, group, Stages())
        async with running(served) as web, asking(web.url) as answerer:
            there = await ask_two(answerer, portrait, group)
        assert same_picture(there.picture, here.picture)
        assert score_document(there.score) == score_document(here.score)
        assert [one.usable for one in there.qualities if one] == [one.usable for one in here.qualities if one]

    async def test_with_its_key(self, served: Served, portrait: bytes) -> None:
        async with running(served, Setup(key=KEY)) as web:
            async with asking(web.url, key=KEY) as answerer:
                assert answerer.ready
                assert (await ask(answerer, portrait)).faces == 1
            for key in (None, "another-key-altogether"):
                async with asking(web.url, key=key) as answerer:
                    with pytest.raises(EngineError, match="refuses the key") as caught:
                        await ask(answerer, portrait)
                    assert not isinstance(caught.value, EngineUnreachableError)

    async def test_both_logs_have_the_same_id(
        self, served: Served, portrait: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        stages = Stages("0badcafe")
        async with running(served) as web, asking(web.url) as answerer, answerer.turn(stages) as turn:
            await turn.answer(portrait, Question(3))
        assert "query=0badcafe stage=search" in caplog.text
        assert list(stages.milliseconds) == ["queue", "engine"]

    async def test_a_photo_of_many_megabytes(self, served: Served) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (1000, 1500, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "PNG")
        assert len(file.getvalue()) > 4_000_000
        async with running(served, Setup(photo_bytes=10_000_000)) as web, asking(web.url) as answerer:
            with pytest.raises(LookalikeError) as caught:
                await ask(answerer, file.getvalue())
        assert not isinstance(caught.value, EngineError)


class TestRefusals:
    async def test_as_they_were_raised_there(self, served: Served, portrait: bytes, wall: bytes) -> None:
        asked = [
            (wall, Question(3), NoFaceError),
            (b"text", Question(3), NotAnImageError),
            (portrait[:9000], Question(3), TruncatedError),
            (portrait, Question(3, face=2), ConfigError),
            (b"x" * 3_000_000, Question(3), TooLargeError),
        ]
        async with running(served) as web, asking(web.url) as answerer:
            for photo, question, kind in asked:
                with pytest.raises(kind) as there:
                    await ask(answerer, photo, question)
                if kind is TooLargeError:  # there it is the announced size that is refused
                    continue
                with pytest.raises(kind) as here:
                    answer(served, photo, question, Stages())
                assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
            with pytest.raises(NoFaceError, match="second"):
                await ask_two(answerer, portrait, wall)
            assert (await ask(answerer, portrait)).faces == 1

    @pytest.mark.parametrize(
        ("act", "kind"),
        [
            (refuses(422, "photo.truncated"), TruncatedError),
            (refuses(408, "deadline.upload"), DeadlineError),
            (refuses(500, "gallery.corrupt"), GalleryCorruptError),
            (refuses(500, "unexpected"), EngineError),
            (refuses(403, "forbidden"), EngineError),
            (refuses(404, "not_found"), EngineError),
            (refuses(422, "of.another.version"), EngineError),
            (says(200, "<html>"), EngineError),
            (says(200, '{"format": 1}'), EngineError),
            (says(302), EngineError),
            (says(418, "[]"), EngineError),
            (says_too_much, EngineError),
        ],
    )
    async def test_what_it_may_say_once(self, act: Act, kind: type[LookalikeError], portrait: bytes) -> None:
        async with broken_engine(act) as engine, asking(engine.url) as answerer:
            with pytest.raises(kind) as caught:
                await ask(answerer, portrait)
        assert type(caught.value) is kind
        assert len(engine.asked) == 1


class TestTheSecondTry:
    @pytest.mark.parametrize(
        "act",
        [
            hangs_up,
            stops_in_the_middle,
            says(502),
            says(503, "<html>"),
            says(504),
            refuses(503, "busy"),
            refuses(504, "deadline"),
        ],
    )
    async def test_is_at_another_copy(self, served: Served, portrait: bytes, act: Act) -> None:
        async with running(served) as web, broken_engine(act) as bad, asking(bad.url, web.url) as answerer:
            for _ in range(4):
                assert (await ask(answerer, portrait)).faces == 1
        assert bad.asked
        assert set(bad.bodies) == {portrait}

    async def test_is_at_the_same_address_when_there_is_one(self, portrait: bytes, served: Served) -> None:
        given: list[bytes] = []
        async with running(served) as web:
            given.append((await web.post("/v1/find?people=3&grid=true", portrait)).body)
        async with (
            broken_engine(hangs_up, says(200, given[0].decode())) as engine,
            asking(engine.url) as answerer,
        ):
            assert (await ask(answerer, portrait)).faces == 1
        assert engine.bodies == [portrait, portrait]

    @pytest.mark.parametrize(("told", "pause_s"), [("1", 1.0), ("120", 2.0), ("soon", 0.5), ("", 0.5)])
    async def test_waits_as_it_is_told_where_there_is_no_other_address(
        self, served: Served, portrait: bytes, told: str, pause_s: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def later(_request: web.Request) -> web.Response:
            return web.Response(status=503, headers={"Retry-After": told})

        async def paused(seconds: float) -> None:
            pauses.append(seconds)

        pauses: list[float] = []
        async with running(served) as other:
            given = (await other.post("/v1/find?people=3&grid=true", portrait)).body.decode()
            async with (
                broken_engine(later, says(200, given)) as engine,
                asking(engine.url) as alone,
                asking(engine.url, other.url) as one_of_two,
            ):
                monkeypatch.setattr("rvs.remote.replicas._pause", paused)
                assert (await ask(alone, portrait)).faces == 1
                assert pauses == [pause_s]
                engine.acts.appendleft(later)
                for _ in range(2):
                    assert (await ask(one_of_two, portrait)).faces == 1
                assert len(pauses) == 1

    @pytest.mark.parametrize(
        ("acts", "kind"),
        [
            ([hangs_up], EngineUnreachableError),
            ([says(502)], EngineUnreachableError),
            ([says(503, "<html>")], EngineUnreachableError),
            ([refuses(503, "busy", "Too many people.")], BusyError),
            ([refuses(504, "deadline")], DeadlineError),
            ([says(504)], DeadlineError),
            ([hangs_up, refuses(422, "no_face")], NoFaceError),
        ],
    )
    async def test_is_the_last(
        self, acts: Sequence[Act], kind: type[LookalikeError], portrait: bytes
    ) -> None:
        async with broken_engine(*acts) as engine, asking(engine.url) as answerer:
            with pytest.raises(kind) as caught:
                await ask(answerer, portrait)
        assert type(caught.value) is kind
        assert len(engine.asked) == 2

    async def test_nobody_listens(self, portrait: bytes, caplog: pytest.LogCaptureFixture) -> None:
        async with asking(nobody(), nobody()) as answerer:
            assert not answerer.ready
            with pytest.raises(EngineUnreachableError):
                await ask(answerer, portrait)
        assert len([line for line in caplog.messages if "ClientConnectorError" in line]) == 2

    async def test_a_copy_that_is_down_is_asked_last(self, served: Served, portrait: bytes) -> None:
        dead = [nobody() for _ in range(5)]
        async with running(served) as web, asking(*dead[:3], web.url, *dead[3:]) as answerer:
            for _ in range(10):
                assert (await ask(answerer, portrait)).faces == 1

    async def test_the_load_is_shared(self, portrait: bytes) -> None:
        async with (
            broken_engine(refuses(422, "no_face")) as one,
            broken_engine(refuses(422, "no_face")) as other,
            asking(one.url, other.url) as answerer,
        ):
            for _ in range(10):
                with pytest.raises(NoFaceError):
                    await ask(answerer, portrait)
        assert len(one.asked) == len(other.asked) == 5

    async def test_there_is_none_when_it_takes_too_long(self, portrait: bytes) -> None:
        async with broken_engine(says_nothing) as engine, asking(engine.url, seconds=0.3) as answerer:
            with pytest.raises(DeadlineError):
                await ask(answerer, portrait)
        assert len(engine.asked) == 1

    async def test_connections_to_a_copy_that_was_restarted_lose_nothing(
        self, served: Served, portrait: bytes
    ) -> None:
        port = int(nobody().rpartition(":")[2])
        async with asking(f"http://127.0.0.1:{port}") as answerer:
            for _ in range(3):
                async with running(served, Setup(port=port)):
                    answers = await asyncio.gather(*(ask(answerer, portrait) for _ in range(6)))
                    assert [one.faces for one in answers] == [1] * 6


class TestBounds:
    async def test_more_than_there_is_room_for_are_told_to_wait(self, portrait: bytes) -> None:
        limits = ServiceLimits(workers=1, queue=2, photos_in_memory=1)
        async with broken_engine(says_nothing) as engine, asking(engine.url, limits=limits) as answerer:
            waiting = [asyncio.create_task(ask(answerer, portrait)) for _ in range(3)]
            await until(lambda: answerer.waiting == 2 and answerer.running == 1)
            with pytest.raises(BusyError, match=r"ask again in about \d+ second"):
                answerer.check()
            with pytest.raises(BusyError):
                await ask(answerer, portrait)
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            assert (answerer.waiting, answerer.open_turns, answerer.running) == (0, 0, 0)
            answerer.check()

    async def test_who_stops_takes_no_more_and_finishes_what_is_open(
        self, served: Served, portrait: bytes
    ) -> None:
        async with running(served) as web, asking(web.url) as answerer, answerer.turn(Stages()) as turn:
            answerer.stop()
            assert not answerer.ready
            with pytest.raises(BusyError, match="restarted"):
                answerer.check()
            assert (await turn.answer(portrait, Question(3))).faces == 1

    async def test_who_is_closed_asks_nobody(self, portrait: bytes) -> None:
        async with (
            broken_engine(says_nothing) as engine,
            asking(engine.url) as answerer,
            answerer.turn(Stages()) as turn,
        ):
            await answerer.close()
            with pytest.raises(BusyError, match="restarted"):
                await turn.answer(portrait, Question(3))
        assert engine.asked == []


class TestReadiness:
    async def test_it_is_looked_at_again_and_again(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        async with broken_engine(says(500)) as engine, asking(engine.url, nobody()) as answerer:
            assert answerer.ready
            watching = asyncio.create_task(answerer.watch(0.01))
            engine.ready = False
            await until(lambda: not answerer.ready)
            engine.ready = True
            await until(lambda: answerer.ready)
            watching.cancel()
            await asyncio.wait([watching])
        changes = [line for line in caplog.messages if engine.url in line]
        assert [line.rpartition(" is ")[2] for line in changes] == ["ready", "not ready", "ready"]

    async def test_what_is_no_engine_is_not_ready(self, served: Served) -> None:
        async with running(served, Setup(started=False)) as web, asking(web.url) as answerer:
            assert not answerer.ready
        async with running(served) as web, asking(f"{web.url}/page") as answerer:
            assert not answerer.ready
