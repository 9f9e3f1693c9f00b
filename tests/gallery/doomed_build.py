"""A build in a process of its own that ends at a moment it is told: `python -m tests.gallery.doomed_build`.

GALLERY INDEX kill STAGE DONE    SIGKILL when progress says that
GALLERY INDEX sync NUMBER        SIGKILL in place of the call of that number that writes to the disk
GALLERY INDEX after CALL         SIGKILL in place of `Store.activate` or `Journal.delete`
GALLERY INDEX limit BYTES        no file may grow larger than that, as on a full disk
GALLERY INDEX wait STAGE DONE    says so when progress says that, then waits to be killed
GALLERY INDEX moment PHASE CALL  SIGKILL at the call of that number of any function since the phase began
GALLERY INDEX count              prints how many calls each phase has
GALLERY INDEX whole              nothing happens to it

With `each` it does so for every line of such words, as JSON, and prints the exit status (7 for an OSError); the
builds are forks, which start at once.
"""

import json
import os
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rvs.gallery import embed, in_use, store
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


PHASES = (
    "start",
    "hash",
    "embed",
    "index",
    "verify",
    "activate",
    "journal",
    "prune",
    "hide",
    "hidden",
    "delete",
)
_TWICE = ("hide", "hidden")  # for each version that is removed


class Moments:
    """Counts every call of a function, in every thread, and dies at one of them."""

    def __init__(self, phase: str = "", call: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self._now = "start"
        self._end = (phase, call)

    def watch(self) -> None:
        """Begin to count; `progress` and the calls below say which phase it is."""
        self._announce(Store, "activate", "activate")
        self._announce(Journal, "delete", "journal")
        self._announce(Store, "prune", "prune")
        self._announce(in_use, "hide", "hide", then="hidden")
        self._announce(store, "finish_removals", "delete")
        threading.setprofile(self._called)
        sys.setprofile(self._called)

    def progress(self, stage: str, done: int, total: int) -> None:
        self._enter(stage)

    def _announce(self, place: object, name: str, phase: str, *, then: str = "") -> None:
        really = getattr(place, name)

        def announced(*arguments: object) -> object:
            self._enter(phase)
            result = really(*arguments)
            if then:
                self._enter(then)
            return result

        setattr(place, name, announced)

    def _enter(self, phase: str) -> None:
        if phase != self._now:
            if self._now == self._end[0] and self._now not in _TWICE:
                _die()  # threads made it shorter than it was when it was counted
            self._now = phase

    def _called(self, frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            self.counts[self._now] += 1
            if (self._now, self.counts[self._now]) == self._end:
                _die()


def each() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 0
            try:
                main(*json.loads(line))
            except OSError:
                status = 7
            except BaseException:
                traceback.print_exc()
                status = 1
            sys.stdout.flush()
            os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def main(gallery: str, index: str, how: str, *details: str) -> None:
    embed.CHUNK = CHUNK
    progress: Progress = unheard
    build = builder(Path(index))
    moments = Moments()
    match how, details:
        case "moment", (phase, call):
            moments = Moments(phase, int(call))
            moments.watch()
            progress, build = moments.progress, replace(build, keep=1)
        case "count", ():
            moments.watch()
            progress, build = moments.progress, replace(build, keep=1)
        case "whole", ():
            pass
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
    build.build(Path(gallery), progress)
    if how == "moment":
        _die()
    if how == "count":
        sys.setprofile(None)
        print(json.dumps(moments.counts))


if __name__ == "__main__":
    if sys.argv[1:] == ["each"]:
        each()
    else:
        main(*sys.argv[1:])
