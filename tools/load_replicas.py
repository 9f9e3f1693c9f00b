"""Two copies of `rvs serve` behind HAProxy (docs/haproxy.cfg), one of which ends: how many questions are answered.

Also what a bot whose engine is elsewhere saves: the memory of its process, beside that of one with the engine in it.
`python -m tools.load_replicas` needs haproxy on this machine, listens on loopback only, and asks a bounded number.
"""

import argparse
import asyncio
import contextlib
import io
import json
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from PIL import Image

from rvs.settings import load_settings
from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.web.behind_haproxy import BINARY, as_the_bot_asks, balanced, load, once_only
from tests.web.process import serving
from tools.load import BOT, ask, megapixel
from tools.sample_photo import sample_photo

_CLIENTS = 6
_WAYS = {
    "killed, asked as the bot asks": (signal.SIGKILL, as_the_bot_asks, "0"),
    "killed, asked once only": (signal.SIGKILL, once_only, "0"),
    "stopped, asked as the bot asks": (signal.SIGTERM, as_the_bot_asks, "0"),
    "stopped, asked once only": (signal.SIGTERM, once_only, "0"),
    "stopped after draining, asked once only": (signal.SIGTERM, once_only, "2"),
}


async def measure(questions: int) -> dict[str, object]:
    """Of each way in which a copy ends: how the questions ended, and how many a second were answered."""
    cache_dir = load_settings().cache_dir
    photos = [_photo(side) for side in (200, 700)] * (questions // 2)
    figures: dict[str, object] = {}
    for words, (number, asking, drain) in _WAYS.items():
        environment = {"RVS_SERVE_DRAIN_SECONDS": drain}
        with tempfile.TemporaryDirectory() as folder:
            async with balanced(Path(folder), cache_dir, environment) as proxy:
                ending = proxy.copies[0]
                async with asking(proxy.url, _CLIENTS) as ask:
                    began = time.perf_counter()
                    end = partial(ending.send, number)
                    ended = await load(ask, photos, _CLIENTS, {len(photos) // 3: end})
                    seconds = time.perf_counter() - began
                await ending.wait()
        answered = ended.pop("", 0)
        figures[words] = {
            "answered": answered,
            "sent": len(photos),
            "else": dict(ended),
            "per_second": round(len(photos) / seconds, 1),
        }
    return figures


async def memory(photos: int) -> dict[str, object]:
    """Of a bot whose engine is elsewhere, and of one with the engine in it: MiB when ready, after photos, at most.

    Both are asked the same way, one photo of a megapixel at a time, in our own Discord.
    """
    cache_dir = load_settings().cache_dir
    photo = megapixel()
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as kept:
        async with serving(Path(kept), cache_dir) as engine:
            await engine.ready()
            for words, line, ours in (
                ("engine elsewhere", "the engine at .* is ready", {"RVS_ENGINE_URL": engine.url}),
                ("engine in it", "ready to answer", {}),
            ):
                figures[words] = await _memory_of_bot(photo, photos, line, cache_dir, ours)
    return figures


async def _memory_of_bot(
    photo: bytes, photos: int, ready: str, cache_dir: Path, ours: dict[str, str]
) -> dict[str, object]:
    asks = dict.fromkeys(("RVS_DISCORD_PERSON_ASKS", "RVS_DISCORD_CHANNEL_ASKS"), "100000")
    with tempfile.TemporaryDirectory() as kept:
        environment = {"RVS_CACHE_DIR": str(cache_dir), "RVS_DATA_DIR": kept} | asks | ours
        async with (
            FakeDiscord() as discord,
            BotProcess(BOT, discord, Path(kept), environment=environment) as bot,
        ):
            await bot.ready()
            await bot.ready(ready)
            at_first = bot.rss_bytes()
            answered = 0
            for _ in range(photos):
                question = await ask(discord, discord.person, photo)
                answered += bool((await discord.wait_for_reply(question)).files)
            return {
                "ready_mib": round(at_first / 2**20),
                "after_mib": round(bot.rss_bytes() / 2**20),
                "peak_mib": round(bot.peak_rss_bytes() / 2**20),
                "answered": answered,
            }


def _photo(side: int) -> bytes:
    file = io.BytesIO()
    with Image.open(sample_photo()) as picture:
        picture.convert("RGB").resize((side, side)).save(file, "JPEG")
    return file.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=300, help="of each way; 0: none, without haproxy")
    parser.add_argument("--photos", type=int, default=200, help="of each bot whose memory is read")
    arguments = parser.parse_args()
    if arguments.questions and BINARY is None:
        sys.exit("haproxy is not installed: apt-get install haproxy")
    with contextlib.redirect_stdout(io.StringIO()):  # where the copies' logs would go
        result = asyncio.run(measure(arguments.questions)) if arguments.questions else {}
        result["memory of the bot"] = asyncio.run(memory(arguments.photos))
    print(json.dumps(result, indent=2))
