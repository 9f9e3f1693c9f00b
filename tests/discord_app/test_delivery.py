"""Sending: what is tried again, what not, and that nothing gets out but cancelling."""

import asyncio
import io
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import numpy as np
import pytest
from discord import ui
from PIL import Image

from rvs.discord_app.delivery import Outcome, Outgoing, Upload, channel_post, deliver, describe, outcome_of
from rvs.discord_app.errors import NOT_ACCEPTED
from rvs.stages import Stages

WORDS = Outgoing("hello")


def refusal(status: int, code: int = 0) -> discord.HTTPException:
    kinds = {403: discord.Forbidden, 404: discord.NotFound}
    response = cast("Any", SimpleNamespace(status=status, reason="because of https://secret.invalid"))
    return kinds.get(status, discord.HTTPException)(response, {"code": code, "message": "secret words"})


class Post:
    """Fails as often as it is told, then works; remembers what it was given."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.given: list[Outgoing] = []

    async def __call__(self, outgoing: Outgoing) -> None:
        self.given.append(outgoing)
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rvs.discord_app.delivery._PAUSE_S", 0.0)


async def send(post: Post, outgoing: Outgoing = WORDS, *, again: bool = True) -> Outcome:
    return await deliver(post, outgoing, Stages(), 60.0, again=again)


def with_layout(jpeg: bytes = b"") -> Outgoing:
    uploads = (Upload("a.jpg", jpeg, "a picture"),) if jpeg else ()
    return Outgoing(layout=lambda: ui.LayoutView(timeout=None), uploads=uploads)


def jpeg_of(side_px: int) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=88)
    return file.getvalue()


PASSING = [
    refusal(500),
    refusal(503),
    refusal(429),
    aiohttp.ServerDisconnectedError(),
    ConnectionResetError(),
    TimeoutError(),
]


@pytest.mark.parametrize("failure", PASSING, ids=describe)
async def test_a_passing_failure_is_tried_once_more(failure: BaseException) -> None:
    post = Post(failure)
    assert await send(post) is Outcome.SENT
    assert len(post.given) == 2


@pytest.mark.parametrize("failure", PASSING, ids=describe)
async def test_a_lasting_failure_is_given_up_after_the_second_try(failure: BaseException) -> None:
    post = Post(failure, failure, failure)
    assert await send(post) is Outcome.FAILED
    assert len(post.given) == 2


@pytest.mark.parametrize("failure", PASSING, ids=describe)
async def test_what_could_arrive_twice_is_not_tried_again(failure: BaseException) -> None:
    post = Post(failure)
    assert await send(post, again=False) is Outcome.FAILED
    assert len(post.given) == 1


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (refusal(404, 10062), Outcome.EXPIRED),
        (refusal(404, 10015), Outcome.EXPIRED),
        (refusal(404, 10008), Outcome.EXPIRED),
        (refusal(401, 50027), Outcome.EXPIRED),
        (refusal(401), Outcome.EXPIRED),
        (refusal(403, 50013), Outcome.REFUSED),
        (refusal(403, 50001), Outcome.REFUSED),
        (refusal(404, 10003), Outcome.REFUSED),
        (refusal(400, 50035), Outcome.REFUSED),
    ],
    ids=lambda value: describe(value) if isinstance(value, Exception) else "",
)
async def test_what_will_not_change_is_not_tried_again(failure: BaseException, outcome: Outcome) -> None:
    post = Post(failure)
    assert outcome_of(failure) is outcome
    assert await send(post) is outcome
    assert len(post.given) == 1


async def test_a_layout_that_is_not_accepted_becomes_a_sentence() -> None:
    post = Post(refusal(400, 50035))
    assert await send(post, with_layout()) is Outcome.SENT
    assert post.given[1] == Outgoing(NOT_ACCEPTED)


async def test_where_nothing_may_be_said_no_sentence_is_tried() -> None:
    post = Post(refusal(403, 50013))
    assert await send(post, with_layout()) is Outcome.REFUSED
    assert len(post.given) == 1


@pytest.mark.parametrize("failure", [refusal(413), refusal(400, 40005)], ids=describe)
async def test_an_upload_that_is_too_large_is_sent_at_a_quarter(failure: BaseException) -> None:
    post = Post(failure)
    large = jpeg_of(700)
    assert await send(post, with_layout(large)) is Outcome.SENT
    (small,) = post.given[1].uploads
    assert len(small.jpeg) <= len(large) // 4
    assert Image.open(io.BytesIO(small.jpeg)).format == "JPEG"
    assert (small.name, small.description) == ("a.jpg", "a picture")


async def test_after_the_deadline_there_is_no_second_try() -> None:
    class Stuck(Post):
        async def __call__(self, outgoing: Outgoing) -> None:
            self.given.append(outgoing)
            await asyncio.Event().wait()

    post = Stuck()
    assert await deliver(post, WORDS, Stages(), 0.0) is Outcome.FAILED
    assert len(post.given) <= 2


async def test_cancelling_gets_through() -> None:
    with pytest.raises(asyncio.CancelledError):
        await send(Post(asyncio.CancelledError()))


async def test_mistakes_of_our_own_are_not_hidden() -> None:
    with pytest.raises(KeyError):
        await send(Post(KeyError("a bug")))


async def test_the_log_has_the_code_and_nothing_that_discord_said(caplog: pytest.LogCaptureFixture) -> None:
    stages = Stages("abc")
    await deliver(Post(refusal(403, 50013)), WORDS, stages, 60.0)
    await deliver(Post(aiohttp.ClientError("https://secret.invalid")), WORDS, stages, 60.0)
    assert [record.getMessage() for record in caplog.records] == [
        "query=abc reply=refused: Discord says 403 (50013)",
        "query=abc reply=failed: ClientError",
    ]


class FakeChannel:
    """Remembers what was sent to it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send(self, **arguments: Any) -> None:
        self.sent.append(arguments)


async def test_the_tries_of_one_reply_share_a_nonce_and_two_replies_do_not() -> None:
    channel = FakeChannel()
    first, second = (channel_post(cast("Any", channel), None) for _ in range(2))
    await first(WORDS)
    await first(WORDS)
    await second(WORDS)
    nonces = [sent["nonce"] for sent in channel.sent]
    assert nonces[0] == nonces[1] != nonces[2]
    assert len(str(max(nonces))) <= 25  # what Discord accepts
    assert all("reference" not in sent for sent in channel.sent)


async def test_files_are_made_anew_for_every_try() -> None:
    outgoing = with_layout(b"jpeg")
    for key in ("files", "attachments"):
        (first,), (second,) = outgoing.arguments(key)[key], outgoing.arguments(key)[key]
        assert first is not second
        assert first.fp.read() == second.fp.read() == b"jpeg"


async def test_words_alone_have_neither_files_nor_a_layout() -> None:
    assert WORDS.arguments("files") == {"content": "hello"}
