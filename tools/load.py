"""How the bot bears load: the real bot process against our own Discord on loopback. `make load` runs it.

Prints the time from a message to its reply, what happens when 30 people ask within a second, how late the event
loop ever was, and the memory before and after many mixed photos.
"""

import argparse
import asyncio
import contextlib
import io
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from rvs.evaluation.machine import this_machine
from rvs.settings import load_settings
from rvs.whole_files import write_whole
from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.things import Message, User
from tools.sample_photo import sample_photo

BOT = Path(__file__).parent.parent / "bot.py"
_CROWD = 30


async def measure(repeat: int, photos: int) -> dict[str, object]:
    """Every figure, by name."""
    settings = load_settings()
    environment = {
        "RVS_CACHE_DIR": str(settings.cache_dir),
        "RVS_DISCORD_PERSON_ASKS": "100000",
        "RVS_DISCORD_CHANNEL_ASKS": "100000",
    }
    if settings.lfw_dir is not None:
        environment["RVS_LFW_DIR"] = str(settings.lfw_dir)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        environment["RVS_DATA_DIR"] = folder
        started = time.perf_counter()
        async with (
            FakeDiscord() as discord,
            BotProcess(BOT, discord, Path(folder), environment=environment) as bot,
        ):
            await bot.ready()
            await bot.ready("ready to answer")
            figures["ready_s"] = round(time.perf_counter() - started, 2)
            figures |= await one_by_one(discord, repeat)
            figures |= await crowd(discord)
            figures |= await mixed(discord, bot, photos)
            bot.terminate()
            figures["exit_code"] = await bot.wait()
            lag = re.search(r"event loop was never more than (\d+) ms late", bot.log)
            figures["loop_lag_worst_ms"] = int(lag[1]) if lag else None
            figures["unknown_routes"] = discord.unknown_routes
    return figures


async def one_by_one(discord: FakeDiscord, repeat: int) -> dict[str, object]:
    """From message to reply, warm, one photo of one megapixel at a time."""
    photo = megapixel()
    times = []
    for _ in range(repeat + 5):
        before = time.perf_counter()
        question = await ask(discord, discord.person, photo)
        await discord.wait_for_reply(question)
        times.append(1000 * (time.perf_counter() - before))
    warm = np.array(times[5:])
    return {
        "reply_ms_median": round(float(np.median(warm)), 1),
        "reply_ms_p95": round(float(np.quantile(warm, 0.95)), 1),
    }


async def crowd(discord: FakeDiscord) -> dict[str, object]:
    """30 people ask within a second: are all answered, in what order, and when is the last?"""
    photo = megapixel()
    people = [discord.add_user(f"person{number}") for number in range(_CROWD)]
    before = time.perf_counter()
    questions = []
    for person in people:
        questions.append(await ask(discord, person, photo))
        await asyncio.sleep(0.9 / _CROWD)
    asked = time.perf_counter() - before
    answers = [await discord.wait_for_reply(question, 60) for question in questions]
    last = time.perf_counter() - before
    order = sorted(range(_CROWD), key=lambda number: answers[number].id)
    return {
        "crowd_asked_within_s": round(asked, 2),
        "crowd_answered": sum(bool(answer.components) for answer in answers),
        "crowd_in_order": order == list(range(_CROWD)),
        "crowd_last_answer_s": round(last, 2),
    }


async def mixed(discord: FakeDiscord, bot: BotProcess, photos: int) -> dict[str, object]:
    """Memory before and after many photos of all kinds, some of which are none."""
    kinds = list(variety())
    memory = []
    asked = 0
    while asked < photos:
        batch = [
            await ask(discord, discord.add_user(f"m{asked + n}"), kinds[(asked + n) % len(kinds)])
            for n in range(10)
        ]
        for question in batch:
            await discord.wait_for_reply(question, 60)
        asked += len(batch)
        memory.append(round(bot.rss_bytes() / 2**20))
    step = max(1, len(memory) // 10)
    return {
        "memory_mib_by_tenths": memory[::step] + memory[-1:],
        "photos": asked,
        "memory_peak_mib": round(bot.peak_rss_bytes() / 2**20),
    }


async def ask(discord: FakeDiscord, person: User, photo: bytes) -> Message:
    """Post a photo with `!lookalike`."""
    return await discord.post(discord.channel, person, "!lookalike", attachments=[("me.jpg", photo)])


def megapixel() -> bytes:
    """The sample photo with one megapixel, as a JPEG."""
    with Image.open(sample_photo()) as picture:
        return encoded(picture.convert("RGB").resize((1024, 1024), Image.Resampling.LANCZOS), "JPEG")


def variety() -> Iterator[bytes]:
    """Photos of many formats and sizes, groups, and some without a face or that are no photo."""
    with Image.open(sample_photo()) as opened:
        picture = opened.convert("RGB")
    for side in (300, 512, 1024, 2048, 4000):
        for kind in ("JPEG", "PNG", "WEBP"):
            yield encoded(picture.resize((side, side)), kind)
    crowd_of_faces = Image.new("RGB", (1600, 1200), (90, 110, 130))
    for number in range(12):
        crowd_of_faces.paste(
            picture.crop((130, 0, 330, 220)), (20 + 390 * (number % 4), 40 + 380 * (number // 4))
        )
    yield encoded(crowd_of_faces, "JPEG")
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    yield encoded(Image.fromarray(noise), "JPEG")
    yield b"this is no photo"
    yield encoded(picture, "JPEG")[:5000]


def encoded(picture: Image.Image, kind: str) -> bytes:
    """A picture as the bytes of a file."""
    file = io.BytesIO()
    picture.save(file, kind, quality=90)
    return file.getvalue()


def report(figures: Mapping[str, object], path: Path | None) -> None:
    """Print the figures; also write them, with the machine they were measured on, where a file is named."""
    print(json.dumps(figures, indent=2))
    if path is not None:
        document = {"machine": asdict(this_machine()), **figures}
        write_whole(path, (json.dumps(document, indent=1) + "\n").encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=100, help="how many photos one by one")
    parser.add_argument("--photos", type=int, default=1000, help="how many mixed photos")
    parser.add_argument("--report", type=Path, help="a JSON file to write the figures to")
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(io.StringIO()):  # where the bot's log would go
        measured = asyncio.run(measure(arguments.repeat, arguments.photos))
    report(measured, arguments.report)
