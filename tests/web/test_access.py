"""Who may ask, and what responses tell browsers."""

import pytest

from tests.web.running import KEY, Running, Setup

GUARDED = Setup(key=KEY)
OPEN_PATHS = ("/", "/livez", "/readyz", "/v1/openapi.json")


@pytest.mark.parametrize("setup", [GUARDED])
class TestWithAKey:
    @pytest.mark.parametrize(
        "sent",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            f"Bearer {KEY}x",
            f"Bearer {KEY[:-1]}",
            f"Bearer {KEY.upper()}",
            f"Basic {KEY}",
            KEY,
            "Bearer \udcff\udcfe",
        ],
    )
    async def test_nothing_is_answered_without_it(
        self, web: Running, portrait: bytes, sent: str | None
    ) -> None:
        headers = {} if sent is None else {"Authorization": sent}
        for path in ("/v1/find", "/v1/compare", "/v1/embed", "/v1/nothing"):
            reply = await web.post(path, portrait, headers=headers)
            assert (reply.status, reply.code) == (401, "unauthorized")
            assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert (await web.get("/metrics", headers=headers)).status == 401
        assert web.questions.open_questions == 0

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    async def test_with_it_everything_is(self, web: Running, portrait: bytes, scheme: str) -> None:
        headers = {"Authorization": f"{scheme} {KEY}"}
        assert (await web.post("/v1/find", portrait, headers=headers)).status == 200
        assert (await web.get("/metrics", headers=headers)).status == 200
        assert (await web.get("/v1/nothing", headers=headers)).status == 404

    @pytest.mark.parametrize("path", OPEN_PATHS)
    async def test_what_says_nothing_about_people_is_open(self, web: Running, path: str) -> None:
        assert (await web.get(path)).status == 200

    async def test_a_photo_is_not_read_for_who_has_no_key(self, web: Running) -> None:
        reply = await web.raw(
            b"POST /v1/find HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 1000000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert reply.startswith(b"HTTP/1.1 401 ")

    @pytest.mark.parametrize("path", ["/V1/find", "//v1/find", "/v1//find", "/%76%31/find", "/x/../v1/find"])
    async def test_no_way_of_writing_it_leads_around(self, web: Running, portrait: bytes, path: str) -> None:
        reply = await web.raw(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert reply.split()[1] in (b"401", b"404")


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "elsewhere.example:8080", "127.0.0.1.example", "", "[", "@", "192.0.2.1"]
)
async def test_without_a_key_no_name_of_others_leads_here(web: Running, portrait: bytes, host: str) -> None:
    for path in ("/v1/find", "/v1/embed", "/v1/nothing"):
        reply = await web.post(path, portrait, headers={"Host": host})
        assert (reply.status, reply.code) == (403, "forbidden")
    assert (await web.get("/metrics", headers={"Host": host})).status == 403
    assert (await web.get("/readyz", headers={"Host": host})).status == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8080", "LOCALHOST:8080"])
async def test_names_of_this_machine_do(web: Running, portrait: bytes, host: str) -> None:
    assert (await web.post("/v1/find", portrait, headers={"Host": host})).status == 200


@pytest.mark.parametrize("setup", [GUARDED])
async def test_with_a_key_the_name_does_not_matter(web: Running, portrait: bytes) -> None:
    headers = {"Host": "elsewhere.example", "Authorization": f"Bearer {KEY}"}
    assert (await web.post("/v1/find", portrait, headers=headers)).status == 200


async def test_without_a_key_everybody_may_ask(web: Running, portrait: bytes) -> None:
    for headers in ({}, {"Authorization": "Bearer whatever"}):
        assert (await web.post("/v1/find", portrait, headers=headers)).status == 200


@pytest.mark.parametrize("path", [*OPEN_PATHS, "/metrics", "/nothing"])
async def test_every_response_has_its_headers(web: Running, path: str) -> None:
    headers = (await web.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Server"] == "rvs"


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
async def test_pages_of_other_origins_may_read_nothing(web: Running, portrait: bytes, method: str) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    reply = await web.get("/v1/find", method, data=portrait, headers=asked | {"Content-Type": "image/jpeg"})
    assert [name for name in reply.headers if name.lower().startswith("access-control")] == []
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_answers_are_not_stored_on_the_way(web: Running, portrait: bytes) -> None:
    assert (await web.post("/v1/find", portrait)).headers["Cache-Control"] == "no-store"
