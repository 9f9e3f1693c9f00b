"""Pictures of the bot's real replies for the README, as Discord would show them: `make pictures`.

It needs simcord's screenshot extra and Debian's chromium, which neither the bot nor its tests do. The gallery's
photos are left out on purpose: the grid shows name cards, because photos of LFW are not ours to publish.
"""

import asyncio
import io
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import simcord
from PIL import Image
from playwright.async_api import BrowserType

from rvs.discord_app.settings import load_discord_settings
from rvs.settings import load_settings
from tools.memory_discord import memory_discord
from tools.sample_photo import sample_photo

_DOCS = Path("docs")
_SIZE = (760, 1250)


async def draw(folder: Path) -> None:
    """Hold the conversations and photograph them."""
    portrait = sample_photo().read_bytes()
    settings = load_settings(lfw_dir=None, data_dir=folder / "no-photos-here")
    async with memory_discord(settings, load_discord_settings()) as env:
        channel = env.create_guild("Friends").create_text_channel("general")
        mae = env.guild.add_member(env.create_user("mae", global_name="Mae"))
        await mae.send(channel, "!lookalike", attachments=[("me.png", portrait)])
        await photograph(env, channel, mae, folder / "answer.png")
        await mae.slash(channel, "lookalike", image=("crew.jpg", group(portrait)), people=5)
        await photograph(env, channel, mae, folder / "faces.png")
        await mae.slash(channel, "compare", a=("a.png", portrait), b=("b.jpg", group(portrait)))
        await photograph(env, channel, mae, folder / "compare.png")


async def photograph(env: simcord.Env, channel: Any, viewer: Any, path: Path) -> None:
    """A picture of the last message of a channel."""
    async with env.preview(channel, viewers=[viewer], width=_SIZE[0], height=_SIZE[1]) as preview:
        await preview.screenshot(path, target=channel.last_message, allow_incomplete=True)


def group(portrait: bytes) -> bytes:
    """One face at three sizes, so that there is something to choose from."""
    with Image.open(io.BytesIO(portrait)) as opened:
        face = opened.convert("RGB").crop((130, 0, 330, 220))
    ground = np.full((440, 900, 3), (52, 68, 92), np.uint8)
    canvas = Image.fromarray(ground)
    for left, scale in ((40, 1.6), (400, 1.15), (670, 0.85)):
        small = face.resize((round(face.width * scale), round(face.height * scale)))
        canvas.paste(small, (left, (canvas.height - small.height) // 2))
    file = io.BytesIO()
    canvas.save(file, "JPEG", quality=92)
    return file.getvalue()


def use_debian_chromium() -> None:
    """Let playwright start the browser that is installed; its own would be a download."""
    launch, browser = BrowserType.launch, shutil.which("chromium")

    async def with_ours(self: BrowserType, **options: Any) -> Any:
        return await launch(self, **{**options, "executable_path": browser, "args": ["--no-sandbox"]})

    BrowserType.launch = with_ours


if __name__ == "__main__":
    use_debian_chromium()
    asyncio.run(draw(_DOCS))
    sys.exit(0)
