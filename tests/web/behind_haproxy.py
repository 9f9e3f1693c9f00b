"""Two copies of the service behind HAProxy with the configuration of docs/haproxy.cfg, and a bounded load on them."""

import asyncio
import io
import os
import shutil
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from rvs.answer import Question
from rvs.errors import LookalikeError
from rvs.remote.answerer import RemoteAnswerer
from rvs.remote.replicas import Replicas
from rvs.service import ServiceLimits
from rvs.stages import Stages
from tests.conftest import ROOT
from tests.web.process import ServeProcess, serving

CONFIGURATION = ROOT / "docs" / "haproxy.cfg"
BINARY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")

Ask = Callable[[bytes], Awaitable[str]]
"""Asks about a photo; "" when it is answered, else what went wrong."""


@dataclass
class Balanced:
    """A proxy and the copies behind it."""

    url: str
    copies: list[ServeProcess]


@asynccontextmanager
async def balanced(
    folder: Path, cache_dir: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Balanced]:
    """Two copies that are ready, and HAProxy in front of them."""
    assert BINARY is not None
    front, first, second = _free_ports(3)
    ports = {"LOOKALIKE_BIND": front, "LOOKALIKE_ONE": first, "LOOKALIKE_TWO": second}
    ours = environment or {}
    async with (
        serving(folder, cache_dir, {"RVS_SERVE_PORT": str(first), **ours}) as one,
        serving(folder, cache_dir, {"RVS_SERVE_PORT": str(second), **ours}) as two,
    ):
        await asyncio.gather(one.ready(), two.ready())
        proxy = await asyncio.create_subprocess_exec(
            *(BINARY, "-db", "-f", CONFIGURATION),
            env=os.environ | {name: f"127.0.0.1:{port}" for name, port in ports.items()},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _answers(f"http://127.0.0.1:{front}/readyz")
            yield Balanced(f"http://127.0.0.1:{front}", [one, two])
        finally:
            with suppress(ProcessLookupError):
                proxy.kill()
            await proxy.wait()


async def load(
    ask: Ask, photos: list[bytes], clients: int, at: dict[int, Callable[[], None]]
) -> Counter[str]:
    """Ask about every photo, so many at once; how each question ended.

    Args:
        ask: asks.
        photos: one for each question.
        clients: how many ask at once.
        at: what to do when the question of that number is sent.
    """
    ended: Counter[str] = Counter()
    numbered = iter(enumerate(photos))

    async def client() -> None:
        for number, photo in numbered:
            if number in at:
                at[number]()
            ended[await ask(photo)] += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return ended


@asynccontextmanager
async def as_the_bot_asks(url: str, at_once: int) -> AsyncIterator[Ask]:
    """By the client of the bot, which tries twice."""
    replicas = Replicas((url,), None, 20)
    replicas.open()
    answerer = RemoteAnswerer(replicas, ServiceLimits(photos_in_memory=at_once))

    async def ask(photo: bytes) -> str:
        try:
            async with answerer.turn(Stages()) as turn:
                answer = await turn.answer(photo, Question(3))
        except LookalikeError as error:
            return error.code
        return "" if answer.found.matches and answer.picture else "empty"

    try:
        yield ask
    finally:
        await answerer.close()
        await replicas.close()


@asynccontextmanager
async def once_only(url: str, at_once: int) -> AsyncIterator[Ask]:
    """By a client that never tries again."""
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(photo: bytes) -> str:
            kind = {"Content-Type": "application/octet-stream"}
            try:
                async with session.post(
                    f"{url}/v1/find?grid=true", data=io.BytesIO(photo), headers=kind
                ) as reply:
                    await reply.read()
                    return "" if reply.status == 200 else str(reply.status)
            except aiohttp.ClientError as error:
                return type(error).__name__

        yield ask


async def _answers(url: str) -> None:
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(url) as reply:
                    if reply.status == 200:
                        return
            await asyncio.sleep(0.05)


def _free_ports(number: int) -> list[int]:
    taken = [socket.socket() for _ in range(number)]
    try:
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]
    finally:
        for one in taken:
            one.close()
