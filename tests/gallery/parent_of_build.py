"""Starts a build that waits, says which process it is, and waits to be killed: `GALLERY INDEX`."""

import asyncio
import os
import sys

from rvs.rebuild import Rebuild


async def main(gallery: str, index: str) -> None:
    command = [sys.executable, "-m", "tests.gallery.told_build", gallery, index, "wait", "embed", "4"]
    rebuild = await Rebuild.start(command, os.environ)
    async for progress in rebuild:
        if (progress.stage, progress.done) == ("embed", 4):
            print(rebuild.pid, flush=True)
    await rebuild.result()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
