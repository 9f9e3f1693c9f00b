"""What `rvs index build --progress-json` prints: one JSON object a line, for the program that started it.

Either progress, or at the end `{"report": ...}` or `{"error": ...}`. It knows nothing of what is built.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TextIO

from rvs.errors import LookalikeError, SearchUnavailableError

MISSES_TOLD = 20
"""A line is read whole: a gallery of junk must not make it endless."""

_EVERY_S = 0.5  # nobody reads faster, and each line costs two processes some time


class ProgressLines:
    """Tells each step of a build as a line: stage, done, total, per_second, eta_s (None: not known yet)."""

    def __init__(
        self, write: Callable[[dict[str, Any]], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._stage = ""
        self._first = (0, 0.0)
        self._told_at = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """A step; not every one is told, but the first and the last of a stage are."""
        now = self._clock()
        begins = stage != self._stage
        if begins:
            # What was done before this run must not count towards the rate.
            self._stage, self._first = stage, (done, now)
        if not begins and done < total and now - self._told_at < _EVERY_S:
            return
        self._told_at = now
        since = now - self._first[1]
        rate = (done - self._first[0]) / since if since > 0 else 0.0
        self._write(
            {
                "stage": stage,
                "done": done,
                "total": total,
                "per_second": round(rate, 2) if rate else None,
                "eta_s": round((total - done) / rate, 1) if rate else None,
            }
        )


@contextmanager
def progress_lines() -> Iterator[ProgressLines]:
    """A function to report progress to; an error of ours becomes the last line."""
    try:
        # To where it goes now, wherever a library sends it during the build.
        yield ProgressLines(partial(write_line, to=sys.stdout))
    except LookalikeError as error:
        # Why a server did not answer is for whoever runs the command: its hint is for those who ask a bot.
        hint = error.why if isinstance(error, SearchUnavailableError) and error.why else error.hint
        write_line({"error": {"code": error.code, "message": error.message, "hint": hint}})
        raise


def write_line(document: dict[str, Any], *, to: TextIO | None = None) -> None:
    """One object on standard output, or another file, at once."""
    print(json.dumps(document, ensure_ascii=False), file=to, flush=True)


def end_with_stdin() -> None:
    """From now on end this process as soon as its standard input is closed, which is when its parent dies.

    The end is a sudden one, as after `kill -9`: a build leaves nothing half done behind, whenever it ends.
    """

    def wait() -> None:
        try:
            # Not `sys.stdin`, whose lock a thread that waits would still hold when the interpreter ends.
            while os.read(0, 1024):
                pass
        finally:
            os._exit(1)

    threading.Thread(target=wait, name="end-with-stdin", daemon=True).start()
