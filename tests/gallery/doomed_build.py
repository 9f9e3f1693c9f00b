"""A build in a process of its own that ends at a moment it is told: `python -m tests.gallery.doomed_build`.

GALLERY INDEX kill STAGE DONE    SIGKILL when progress says that
GALLERY INDEX sync NUMBER        SIGKILL in place of the call of that number that writes to the disk
GALLERY INDEX after CALL         SIGKILL in place of `Store.activate` or `Journal.delete`
GALLERY INDEX limit BYTES        no file may grow larger than that, as on a full disk
GALLERY INDEX wait STAGE DONE    says so when progress says that, then waits to be killed
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from rvs.gallery import embed
from rvs.gallery.embed import Progress
from rvs.gallery.journal import Journal
from rvs.gallery.store import Store
from tests.gallery.small import builder, unheard

CHUNK = 8  # so that a gallery of a few dozen photos has several shards


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _at(stage: str, done: str, then: Callable[[], None]) -> Progress:
    def progress(now: str, count: int, total: int) -> None:
        if (now, count) == (stage, int(done)):
            then()

    return progress


def _wait() -> None:
    print("here", flush=True)
    sys.stdin.read()


def main(gallery: str, index: str, how: str, *details: str) -> None:
    embed.CHUNK = CHUNK
    progress: Progress = unheard
    match how, details:
        case "kill", (stage, done):
            progress = _at(stage, done, _die)
        case "wait", (stage, done):
            progress = _at(stage, done, _wait)
        case "sync", (number,):
            left = iter(range(int(number) - 1))
            really = os.fsync
            os.fsync = lambda fd: _die() if next(left, None) is None else really(fd)
        case "after", ("activate",):
            Store.activate = _die  # type: ignore[method-assign,assignment]
        case "after", ("delete",):
            Journal.delete = _die  # type: ignore[method-assign,assignment]
        case "limit", (size,):
            import resource  # noqa: PLC0415  (not on Windows)

            resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
        case _:
            raise SystemExit(2)
    builder(Path(index)).build(Path(gallery), progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
