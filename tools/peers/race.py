"""The driver's end of the line: workers are started, and asked in turns, one at a time.

Rounds go over all contenders and photos in a shuffled order, so that whatever else the machine does hits all alike.
A contender that fails is noted with the reason and left out from then on. What the times mean is for
`tools.peers.comparison`.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.peers.contenders import Contender
from tools.peers.worker import Setup

START_S = 300  # the first start also converts a network and builds an Annoy file of 230 MB
_ANSWER_S = 180
_END_S = 10
_PAUSE_S = 0.05  # thread pools spin for some milliseconds after their work
# A turn is a few calls of a fast contender, whose first call finds cold caches and does not count; one of a slow.
_TURN_MS = 200
_MOST_CALLS = 5
_SLOW_CALL_MS = 500


class WorkerError(Exception):
    """A worker died, or said that it failed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: milliseconds in all and of parts by name; faces found, or photos taken."""

    milliseconds: float
    parts: Mapping[str, float] = field(hash=False)
    found: int


class Worker:
    """A process that answers questions; see `tools.peers.worker`. To be used in a `with`."""

    def __init__(self, command: Sequence[str], folder: Path, log: Path) -> None:
        """Start it; nothing is asked yet.

        Args:
            command: the program and its arguments.
            folder: where it runs.
            log: gets what it prints.
        """
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
                start_new_session=True,
            )
        self.versions: Mapping[str, str] = {}
        self.once_ms: Mapping[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def load(self, setup: Setup, limit_s: float = START_S) -> None:
        """Wait until it is ready.

        Raises:
            WorkerError: it is not, and why.
        """
        said = self._exchange(asdict(setup), limit_s)
        self.versions, self.once_ms = said["versions"], said["once_ms"]

    def ask(self, task: str, photos: Sequence[str], limit_s: float = _ANSWER_S) -> Reply:
        """Have it do a task with photos.

        Raises:
            WorkerError: it failed, died or took too long.
        """
        said = self._exchange({"task": task, "photos": list(photos)}, limit_s)
        return Reply(said["milliseconds"], said["parts"], said["found"])

    def _exchange(self, line: Mapping[str, object], limit_s: float) -> Any:
        process = self._process
        assert process.stdin is not None  # noqa: S101  (for the type checker)
        assert process.stdout is not None  # noqa: S101
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(limit_s, give_up)
        timer.start()
        try:
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            timer.cancel()
        if late.is_set():
            raise WorkerError(f"No answer within {limit_s:g} s.")
        if not answer:
            raise WorkerError(f"Its process ended with code {self._end()}{self._last_words()}.")
        said = json.loads(answer)
        if "failed" in said:
            raise WorkerError(said["failed"])
        return said

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f": {words[:300]}" if words else ""

    def _end(self) -> int:
        """The exit code; what does not end by itself is ended."""
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._kill()
            return self._process.wait()

    def _kill(self) -> None:
        # Its whole group: it may have started processes of its own.
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Turn:
    """One contender with one photo in one round: the calls that count, and the parts of the last one."""

    round: int
    contender: str
    photo: str
    milliseconds: tuple[float, ...]
    parts: Mapping[str, float] = field(hash=False)
    found: int


@dataclass(frozen=True, slots=True)
class Race:
    """All turns, and why (contender, photo) has none."""

    turns: tuple[Turn, ...]
    failed: Mapping[tuple[str, str], str] = field(hash=False)


def run(
    contenders: Mapping[Contender, Worker],
    photos: Mapping[str, Sequence[str]],
    rounds: int,
    seed: int,
    tell: Callable[[str], None],
) -> Race:
    """Measure every contender with every photo, in turns.

    Args:
        contenders: whom to ask, and the worker that answers, ready.
        photos: by name; the paths that are handed over together.
        rounds: how many; slow contenders take part in every second one, beginning with the first.
        seed: of the order.
        tell: told of every round.
    """
    failed: dict[tuple[str, str], str] = {}
    calls: dict[tuple[str, str], int] = {}
    turns: list[Turn] = []
    pairs = [(contender, photo) for contender in contenders for photo in photos]

    def ask(contender: Contender, photo: str) -> Reply | None:
        try:
            return contenders[contender].ask(contender.task, photos[photo])
        except WorkerError as error:
            failed[contender.name, photo] = str(error)
            return None

    tell("warming up")
    for contender, photo in pairs:
        replies = [ask(contender, photo) for _ in range(contender.warm_ups)]
        if (last := replies[-1]) is not None:
            calls[contender.name, photo] = calls_in_a_turn(last.milliseconds)
    order = random.Random(seed)  # noqa: S311  (not a secret)
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        order.shuffle(pairs)
        for contender, photo in pairs:
            if (contender.name, photo) in failed or (contender.slow and number % 2):
                continue
            time.sleep(_PAUSE_S)
            counted = calls[contender.name, photo]
            replies = [ask(contender, photo) for _ in range(counted + (counted > 1))]
            kept = [reply for reply in replies if reply is not None][-counted:]
            if (contender.name, photo) not in failed:
                times = tuple(reply.milliseconds for reply in kept)
                turns.append(Turn(number, contender.name, photo, times, kept[-1].parts, kept[-1].found))
    return Race(tuple(turns), failed)


def calls_in_a_turn(call_ms: float) -> int:
    """How many calls of a turn count."""
    if call_ms >= _SLOW_CALL_MS:
        return 1
    return max(2, min(_MOST_CALLS, round(_TURN_MS / call_ms)))
