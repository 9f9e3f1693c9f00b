"""Runs a part of a benchmark in a process of its own, so that its memory and threads are its own as well.

The process is `rvs.cli.bench_child`; what it tells on standard output, a JSON object a line, is heard here.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from rvs.build_command import build_environment
from rvs.errors import LookalikeError
from rvs.gallery.embed import Progress
from rvs.settings import Settings


def run_apart(request: Mapping[str, Any], settings: Settings, report: Progress) -> tuple[Any, float]:
    """Have a part measured.

    Args:
        request: what `bench_child` is asked for.
        settings: those of the child.
        report: told its progress.

    Returns:
        What the child measured, and the seconds from its start until it said that it was ready.

    Raises:
        LookalikeError: what the child ran into, of the same kind.
        RuntimeError: it ended without a word.
    """
    environment = build_environment(settings, os.environ)
    # As `rvs` itself does: on busy cores a second thread made an exact search 100 times slower.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    result, ready_s = None, 0.0
    with tempfile.TemporaryFile() as words:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "rvs.cli.bench_child", json.dumps(request)],
            env=environment,
            stdin=subprocess.PIPE,  # it ends when this is closed: when we are gone
            stdout=subprocess.PIPE,
            stderr=words,
        )
        try:
            for line in child.stdout or ():
                said = _heard(line)
                if "stage" in said:
                    report(said["stage"], said["done"], said["total"])
                elif "ready" in said:
                    ready_s = time.perf_counter() - started
                elif "error" in said:
                    raise error_of(**said["error"])
                result = said.get("result", result)
            code = child.wait()
        finally:
            child.kill()
            child.communicate()
        if code or result is None:
            words.seek(0)
            last = words.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise RuntimeError(f"a part of the benchmark ended with code {code}: {' '.join(last)}")
    return result, ready_s


def error_of(code: str, message: str, hint: str) -> LookalikeError:
    """The error of that code, or one without a kind."""

    def below(kind: type[LookalikeError]) -> list[type[LookalikeError]]:
        return [kind, *(deeper for sub in kind.__subclasses__() for deeper in below(sub))]

    kind = next((kind for kind in below(LookalikeError) if kind.code == code), LookalikeError)
    return kind(message, hint=hint)


def _heard(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}  # what a library prints is no news
    return said if isinstance(said, dict) else {}
