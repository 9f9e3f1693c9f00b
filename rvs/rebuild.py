"""A build of an index as a child process of lower priority, so that it holds up nobody who asks meanwhile.

The child ends with its parent: it watches the pipe that only the parent holds open. What it has embedded by
then is in its journal, and the next build goes on from there. Who wants the build, and what becomes of the new
version, is not known here.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rvs.errors import RebuildCancelledError, RebuildError, RebuildFailedError, RebuildRunningError

# Against a process of normal priority on the same core it gets about a tenth of the time.
_NICENESS = 10
_GRACE_S = 5.0  # from being asked to end until being killed
_LONGEST_LINE_BYTES = 1 << 20
_LAST_WORDS_BYTES = 8192
_LAST_LINES = 12


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build is.

    Attributes:
        stage: "hash", "embed", "index", "verify", or "publish" where a server searches.
        done, total: of that stage.
        per_second, eta_s: speed, and seconds until the stage is done; None when not known.
    """

    stage: str
    done: int
    total: int
    per_second: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did.

    Attributes:
        version: name of the version, the one in use before when nothing had changed.
        changed: whether a new version was made.
        people, photos: what is in it.
        embedded, reused: photos that went through the networks, and photos that kept their vector.
        missed: how many photos could not be used.
        misses: the first of them, with reasons.
        recall_at_10: measured by the build.
        seconds: the whole build.
    """

    version: str
    changed: bool
    people: int
    photos: int
    embedded: int
    reused: int
    missed: int
    misses: tuple[str, ...]
    recall_at_10: float
    seconds: float


class Rebuild:
    """A build that runs, or has run. It belongs to the event loop in which it was started."""

    def __init__(self, process: asyncio.subprocess.Process, *, grace_s: float = _GRACE_S) -> None:
        """Watch a process that prints what `rvs index build --progress-json` does; see `start`."""
        self._process = process
        self._grace_s = grace_s
        self._cancelled = False
        self._progress: BuildProgress | None = None
        self._last: dict[str, Any] = {}
        self._news = asyncio.Event()
        self._watching = asyncio.create_task(self._watch(), name="rebuild")
        self._watching.add_done_callback(self._ended)

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], *, grace_s: float = _GRACE_S
    ) -> "Rebuild":
        """Start a build.

        Args:
            command: such as `build_command.build_command` gives.
            environment: such as `build_command.build_environment` gives.
            grace_s: seconds between being asked to end and being killed.

        Raises:
            OSError: no process can be started.
        """
        # A process group keeps it from the terminal's Ctrl-C. Not a session of its own: where Linux shares
        # out time by session first, its low priority would count for nothing.
        group: dict[str, Any] = {} if sys.platform == "win32" else {"process_group": 0}
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            limit=_LONGEST_LINE_BYTES,
            **group,
        )
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # ended already
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        return cls(process, grace_s=grace_s)

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    @property
    def progress(self) -> BuildProgress | None:
        """How far it is; None until it says so."""
        return self._progress

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._watching.done()

    async def __aiter__(self) -> AsyncIterator[BuildProgress]:
        """The progress until the end. Who is slow gets the newest, not all of it."""
        seen: BuildProgress | None = None
        while True:
            news = self._news
            if self._progress is not None and self._progress is not seen:
                seen = self._progress
                yield seen
            elif self._watching.done():
                return
            else:
                await news.wait()

    async def result(self) -> BuildResult:
        """What it did, as soon as it has ended.

        Raises:
            RebuildCancelledError: it was cancelled.
            RebuildRunningError: another process is building this index.
            RebuildFailedError: it failed; with the last lines that it wrote.
        """
        return await asyncio.shield(self._watching)

    async def cancel(self) -> None:
        """End it: asked first, then killed. When it has ended already, nothing happens."""
        if self._process.returncode is None:
            self._cancelled = True
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(self._grace_s):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
        await asyncio.wait([self._watching])

    async def _watch(self) -> BuildResult:
        out, err = self._process.stdout, self._process.stderr
        if out is None or err is None:
            raise RuntimeError("a build was started without pipes")
        last_words = asyncio.create_task(_last_words(err))
        with contextlib.suppress(ValueError):  # a line without end: none of ours
            async for line in out:
                self._hear(line)
        code = await self._process.wait()
        words = await last_words
        if code == 0 and isinstance(self._last.get("report"), dict):
            return _result(self._last["report"])
        if self._cancelled:
            raise RebuildCancelledError("The build was cancelled.", hint="The next one goes on from there.")
        raise _failure(code, self._last.get("error"), words)

    def _hear(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            if "stage" in said:
                self._progress = BuildProgress(**said)
            else:
                self._last = dict(said)
        except (ValueError, TypeError):
            return  # what a library prints is no news
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _ended(self, task: asyncio.Task[BuildResult]) -> None:
        if not task.cancelled():
            task.exception()  # looked at here: perhaps nobody asks for the result
        self._tell()


async def _last_words(err: asyncio.StreamReader) -> tuple[str, ...]:
    """The last lines of what is written, however much that is."""
    kept = b""
    while chunk := await err.read(_LAST_WORDS_BYTES):
        kept = (kept + chunk)[-_LAST_WORDS_BYTES:]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", kept.decode("utf-8", "replace"))
    return tuple(line.rstrip() for line in plain.splitlines() if line.strip())[-_LAST_LINES:]


def _result(report: Mapping[str, Any]) -> BuildResult:
    return BuildResult(
        version=report["version"],
        changed=report["changed"],
        people=report["people"],
        photos=report["photos"],
        embedded=report["embedded"],
        reused=report["reused"],
        missed=report["missed"],
        misses=tuple(f"{miss['file']}: {miss['reason']}" for miss in report["misses"]),
        recall_at_10=report["recall_at_10"],
        seconds=report["seconds"],
    )


def _failure(code: int, error: Mapping[str, str] | None, last_lines: tuple[str, ...]) -> RebuildError:
    if error is None:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        hint = "Start it again: it goes on from where it was."
        return RebuildFailedError(f"The build {how}.", hint=hint, last_lines=last_lines)
    if error["code"] == RebuildRunningError.code:
        return RebuildRunningError(error["message"], hint=error["hint"])
    return RebuildFailedError(error["message"], hint=error["hint"], last_lines=last_lines)
