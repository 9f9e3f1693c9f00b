"""The worker's end of the line: one process, one program, one question at a time.

A line of JSON with the `Setup` comes first, then a line for each question; a line answers each. Runs in the
project's environment and in that of the peers, so it imports nothing but the standard library. What a task does,
and in which order tasks are asked for, is not known here.
"""

import contextlib
import importlib.metadata
import json
import os
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

Task: TypeAlias = Callable[[Sequence[str]], int]
"""Does with the photos of these paths what a program does, and says how many faces it found or photos it took."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told when it starts.

    Attributes:
        scratch: a folder that is removed after the run.
        kept: a folder that stays from run to run.
        vectors: the index's vectors, .npy, (photos, 128) float16.
        photo_list: the index's photos, row by row, JSON.
        lfw: the folder of LFW's photos; "" where it is not on this machine.
        workers: photos worked on side by side when an index is built.
    """

    scratch: str
    kept: str
    vectors: str
    photo_list: str
    lfw: str
    workers: int


class Parts:
    """How long the parts of the task that is running took, in milliseconds, by name."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what happens inside; the sum where it happens repeatedly."""
        started = time.perf_counter()
        try:
            yield
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000
            self.milliseconds[name] = self.milliseconds.get(name, 0.0) + elapsed_ms

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed as a part whenever a program calls it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return call


@dataclass(frozen=True, slots=True)
class Loaded:
    """A program that is ready.

    Attributes:
        tasks: by name.
        packages: whose versions matter, where they are installed.
        once_ms: what is not in the tasks' times, by name: milliseconds.
    """

    tasks: Mapping[str, Task] = field(hash=False)
    packages: Sequence[str]
    once_ms: Mapping[str, float] = field(default_factory=dict, hash=False)


def serve(load: Callable[[Setup, Parts], Loaded]) -> None:
    """Load the program, answer questions until there are no more.

    Whatever the program prints goes to standard error, and it cannot look up the address of any other machine: a
    comparison that downloads something would measure the network.
    """
    line = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    socket.getaddrinfo = _no_network
    warnings.simplefilter("ignore")
    parts = Parts()

    def say(answer: Mapping[str, object]) -> None:
        line.write(json.dumps(answer) + "\n")
        line.flush()

    setup = Setup(**json.loads(sys.stdin.readline()))
    try:
        loaded = load(setup, parts)
    except BaseException as error:  # a program may leave with sys.exit when a model is missing
        say({"failed": _in_words(error)})
        raise
    say({"versions": _versions(loaded.packages), "once_ms": loaded.once_ms})
    for asked in sys.stdin:
        question = json.loads(asked)
        parts.milliseconds.clear()
        started = time.perf_counter()
        try:
            found = loaded.tasks[question["task"]](question["photos"])
        except Exception as error:
            say({"failed": _in_words(error)})
            continue
        elapsed_ms = (time.perf_counter() - started) * 1000
        say({"milliseconds": elapsed_ms, "parts": parts.milliseconds, "found": found})


def kept_whole(path: Path, make: Callable[[Path], None]) -> Path:
    """The file, made beside its place and renamed where it is not there yet."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{os.getpid()}.part{path.suffix}")
        try:
            make(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def _versions(packages: Sequence[str]) -> dict[str, str]:
    versions = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _in_words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _no_network(host: object, *_: object, **__: object) -> NoReturn:
    raise OSError(f"{host!r} was asked for; nothing is downloaded here")
