"""A worker that does what a test asks for, for the tests of those who ask."""

import os
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tools.peers.worker import Loaded, Parts, Setup, kept_whole, serve


def load(setup: Setup, parts: Parts) -> Loaded:
    """Ready at once, unless it is told to be of a package that is not installed."""
    if sys.argv[1:] == ["absent"]:
        import a_package_that_nobody_has  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    print("a banner, as programs print them")
    diary = Path(setup.scratch) / "diary"
    kept_whole(Path(setup.kept) / "model", _unpack)

    def noted(photos: Sequence[str]) -> int:
        with diary.open("a", encoding="utf-8") as file:
            file.write("begin\n")
        with parts.part("first"):
            time.sleep(0.002)
        for _ in range(2):
            with parts.part("second"):
                time.sleep(0.001)
        print("progress: 100 %")
        with diary.open("a", encoding="utf-8") as file:
            file.write("end\n")
        return len(photos)

    def wrong(photos: Sequence[str]) -> int:
        raise ValueError(f"no face\nin {Path(photos[0]).name}")

    def dies(photos: Sequence[str]) -> int:
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(3)

    def hangs(photos: Sequence[str]) -> int:
        time.sleep(60)
        return 0

    def downloads(photos: Sequence[str]) -> int:
        with urllib.request.urlopen("https://weights.invalid/model") as reply:
            return len(reply.read())

    timed = parts.timed("called", noted)
    tasks = {
        "noted": noted,
        "wrong": wrong,
        "dies": dies,
        "hangs": hangs,
        "downloads": downloads,
        "timed": timed,
    }
    return Loaded(tasks, ("numpy", "a-package-that-nobody-has"), {"unpacking": 12.5})


def _unpack(path: Path) -> None:
    path.write_text("weights", encoding="utf-8")


if __name__ == "__main__":
    serve(load)
