"""docs/haproxy.cfg in front of two real copies: one is killed, or stopped, under load, and no question is lost."""

import io
import signal
import subprocess
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from rvs.arrays import Pixels
from tests.web.behind_haproxy import BINARY, CONFIGURATION, as_the_bot_asks, balanced, load, once_only
from tests.web.conftest import file_of

QUESTIONS = 120
CLIENTS = 6

pytestmark = pytest.mark.skipif(BINARY is None, reason="haproxy is not installed (apt-get install haproxy)")


@pytest.fixture(scope="module")
def photos(astronaut: Pixels) -> list[bytes]:
    """Small ones that a proxy can send again, and ones that it cannot, in turns."""
    face = Image.fromarray(astronaut)
    small, large = file_of(face.resize((200, 200))), file_of(face.resize((700, 700)))
    assert len(small) < 14_000
    assert len(large) > 50_000
    return [small, large] * (QUESTIONS // 2)


def test_the_configuration_is_valid() -> None:
    assert BINARY is not None
    checked = subprocess.run([BINARY, "-c", "-f", CONFIGURATION], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "WARNING" not in checked.stdout + checked.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_copy_that_ends_under_load_costs_no_answer(
    cache_dir: Path, tmp_path: Path, photos: list[bytes], number: signal.Signals
) -> None:
    async with balanced(tmp_path, cache_dir) as proxy, as_the_bot_asks(proxy.url, CLIENTS) as ask:
        dying, staying = proxy.copies
        ended = await load(ask, photos, CLIENTS, {QUESTIONS // 3: lambda: dying.send(number)})
        code = await dying.wait()
    assert ended == {"": QUESTIONS}
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    assert "stage=search" in dying.log
    assert "stage=search" in staying.log


async def test_a_copy_that_drains_is_not_noticed_even_by_who_never_asks_twice(
    cache_dir: Path, tmp_path: Path, photos: list[bytes]
) -> None:
    drain = {"RVS_SERVE_DRAIN_SECONDS": "2"}
    async with balanced(tmp_path, cache_dir, drain) as proxy, once_only(proxy.url, CLIENTS) as ask:
        ending, staying = proxy.copies
        ended = await load(ask, photos, CLIENTS, {QUESTIONS // 3: lambda: ending.send(signal.SIGTERM)})
        assert await ending.wait() == 0
    assert ended == {"": QUESTIONS}
    assert "stage=search" in staying.log


async def test_the_numbers_of_one_copy_are_not_to_be_had_from_the_proxy(
    cache_dir: Path, tmp_path: Path, photos: list[bytes]
) -> None:
    async with balanced(tmp_path, cache_dir) as proxy, aiohttp.ClientSession() as session:
        async with session.get(f"{proxy.url}/metrics") as reply:
            assert reply.status == 404
        async with session.get(f"{proxy.copies[0].url}/metrics") as reply:
            assert reply.status == 200
        kind = {"Content-Type": "image/jpeg"}
        async with session.post(f"{proxy.url}/v1/find", data=io.BytesIO(photos[1]), headers=kind) as reply:
            assert reply.status == 200
