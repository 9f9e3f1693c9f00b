"""What the tests of the real bot have in common: how it is started, how it is asked, what a good answer is.

One photo of 300 pixels, which is answered in about 50 ms, stands for all photos where the engine is not the point.
"""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from tests.transport.fake_discord import FakeDiscord
from tests.transport.people import Option
from tests.transport.process import BotProcess
from tests.transport.things import Interaction, Message, User

BOT = Path(__file__).parents[2] / "bot.py"
POSTS = "/channels/*/messages"
EDITS = "/webhooks/*/messages/@original"
FOLLOW_UPS = "/webhooks/*/*"
FETCHES = "/attachments/*"
PRIVATE_FETCHES = "/ephemeral-attachments/*"
GRID = "lookalikes.jpg"
BUSY = r"Too many people are asking right now: ask again in about \d+ seconds?\."


def file_of(picture: Image.Image, kind: str = "JPEG") -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def start(
    discord: FakeDiscord, folder: Path, cache_dir: Path, environment: dict[str, str] | None = None
) -> BotProcess:
    """The unmodified bot over the committed index; it keeps what it remembers in `folder`."""
    settings = {"RVS_CACHE_DIR": str(cache_dir), "RVS_DATA_DIR": str(folder)}
    return BotProcess(BOT, discord, folder, environment=settings | (environment or {}))


async def started(bot: BotProcess) -> BotProcess:
    """The same, connected and with its engine loaded."""
    await bot.ready("ready to answer")
    await bot.ready()
    return bot


async def ask(
    discord: FakeDiscord, photo: bytes, person: User | None = None, content: str = "!lookalike"
) -> Message:
    """A message with a photo, from somebody who has never asked before unless it is said who."""
    person = person or discord.add_user("somebody")
    return await discord.post(discord.channel, person, content, attachments=[("me.jpg", photo)])


async def ask_by_slash(
    discord: FakeDiscord, photo: bytes, person: User | None = None, *, private: bool = False
) -> Interaction:
    """`/lookalike` with a photo, likewise."""
    options: dict[str, Option] = {"image": ("me.jpg", photo)}
    if private:
        options["private"] = True
    person = person or discord.add_user("somebody")
    return await discord.slash(discord.channel, person, "lookalike", options)


def assert_grid(answer: Message) -> None:
    """Whether it is an answer in full: a picture that opens, and a name."""
    assert "### Resembles" in answer.text, answer.text
    with Image.open(io.BytesIO(answer.file(GRID).data)) as grid:
        grid.load()
        assert grid.format == "JPEG"


async def assert_answers(discord: FakeDiscord, photo: bytes) -> None:
    """Whether the bot does its work now, whatever happened before."""
    question = await ask(discord, photo)
    assert_grid(await discord.wait_for_reply(question))
    assert len(discord.replies_to(question)) == 1


def statuses(discord: FakeDiscord, method: str, path: str) -> list[int]:
    """How the requests ended, in order."""
    return [request.status for request in discord.calls(method, path)]


def from_the_bot(discord: FakeDiscord) -> list[Message]:
    """Every message that the bot has written and that is still there."""
    messages = discord.world.messages.values()
    return [message for message in messages if message.author is discord.bot and not message.deleted]


def payload(discord: FakeDiscord, method: str, path: str) -> Any:
    """What the last request of this kind carried."""
    return discord.calls(method, path)[-1].payload
