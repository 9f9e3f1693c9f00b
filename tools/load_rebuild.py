"""People ask while the index is rebuilt: the real bot process against our own Discord. `make load-rebuild`.

It starts with an index over a few people of LFW, orders `/index rebuild` over all of it, and keeps asking: before,
during and after. It needs the photos of LFW (RVS_LFW_DIR) and some minutes.
"""

import argparse
import asyncio
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rvs.settings import Settings, load_settings
from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tools.load import BOT, ask, megapixel, report

_FEW_PEOPLE = 60
_BEFORE_AND_AFTER = 60


async def measure() -> dict[str, object]:
    """Milliseconds from question to answer in each phase, and what went wrong."""
    settings = load_settings()
    if settings.lfw_dir is None:
        raise SystemExit("RVS_LFW_DIR is not set: this needs the photos of LFW.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = _small_index(settings, settings.lfw_dir, folder)
        async with FakeDiscord() as discord, BotProcess(BOT, discord, folder, environment=environment) as bot:
            await bot.ready()
            await bot.ready("ready to answer")
            before = await _phase(discord, until=_BEFORE_AND_AFTER)
            began = time.perf_counter()
            order = await discord.slash(discord.channel, discord.owner, "index rebuild")
            done = asyncio.create_task(bot.line("the build (has ended|has failed)", 900))
            during = await _phase(discord, until=done)
            seconds = time.perf_counter() - began
            after = await _phase(discord, until=_BEFORE_AND_AFTER)
            said = [message.content or str(message.components) for message in discord.replies_to(order)]
            bot.terminate()
            return {
                "before": before,
                "during": during,
                "after": after,
                "rebuild_s": round(seconds, 1),
                "end": await done,
                "last_words": said[-1][:600] if said else "",
                "exit_code": await bot.wait(),
            }


def _small_index(settings: Settings, lfw: Path, folder: Path) -> dict[str, str]:
    """An index of the name lfw over a few people, so that a rebuild has nearly everything to embed."""
    few = folder / "few"
    for person in sorted(path for path in lfw.iterdir() if path.is_dir())[:_FEW_PEOPLE]:
        shutil.copytree(person, few / person.name)
    environment = {
        "RVS_CACHE_DIR": str(settings.cache_dir),
        "RVS_INDEX_DIR": str(folder / "index"),
        "RVS_DATA_DIR": str(folder / "data"),
        "RVS_LFW_DIR": str(lfw),
        "RVS_DISCORD_PERSON_ASKS": "1000000",
        "RVS_DISCORD_CHANNEL_ASKS": "1000000",
    }
    subprocess.run(
        [sys.executable, "-m", "rvs", "index", "build", "--index", "lfw", "--gallery", str(few)],
        env={**os.environ, **environment},
        check=True,
        cwd=BOT.parent,
    )
    return environment


async def _phase(discord: FakeDiscord, until: "int | asyncio.Task[str]") -> dict[str, object]:
    """One question after the other, so many or until something is done."""
    photo, failed = megapixel(), 0
    times: list[float] = []
    while len(times) < until if isinstance(until, int) else not until.done():
        before = time.perf_counter()
        answer = await discord.wait_for_reply(await ask(discord, discord.person, photo), 60)
        times.append(1000 * (time.perf_counter() - before))
        failed += not answer.components
        await asyncio.sleep(0.1)
    return {
        "questions": len(times),
        "failed": failed,
        "median_ms": round(float(np.median(times)), 1),
        "p95_ms": round(float(np.quantile(times, 0.95)), 1),
        "max_ms": round(max(times), 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, help="a JSON file to write the figures to")
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(io.StringIO()):  # where the bot's log would go
        measured = asyncio.run(measure())
    report(measured, arguments.report)
