"""`rvs serve` as a user starts it: a process with an environment, a log and an exit code. None is left behind."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

SECONDS = 60.0
"""How long a test waits for the process before it fails: converting networks takes a while."""


class ServeProcess:
    """`python -m rvs serve` on a free port of 127.0.0.1."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self._process = process
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self.port = 0

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def line(self, pattern: str) -> str:
        """The first line in which the regular expression is found, now or soon."""
        async with asyncio.timeout(SECONDS):
            while True:
                for line in self.lines:
                    if re.search(pattern, line):
                        return line
                assert not self._reader.done(), f"ended before {pattern!r}:\n{self.log}"
                self._news.clear()
                await self._news.wait()

    async def listening(self) -> None:
        """Wait until it listens; then its port is known."""
        found = re.search(r"listening on http://\S+:(\d+)", await self.line(r"listening on"))
        assert found
        self.port = int(found[1])

    async def ready(self) -> None:
        """Wait until it answers."""
        await self.listening()
        await self.line("ready to answer")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(SECONDS):
            code = await self._process.wait()
            await self._reader
        return code

    async def kill(self) -> None:
        """End it and whatever it started, if it still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            self._news.set()
        self._news.set()


@asynccontextmanager
async def serving(
    folder: Path, cache_dir: Path, environment: Mapping[str, str] | None = None, *arguments: str
) -> AsyncIterator[ServeProcess]:
    """Start the service in `folder`; leaving kills what still runs."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("RVS_", "DISCORD_"))
    }
    ours = {"RVS_CACHE_DIR": str(cache_dir), "RVS_DATA_DIR": str(folder), "RVS_SERVE_PORT": "0"}
    # Should the tests themselves be killed, the kernel ends the service too, where the tool for that exists.
    leash = [tool, "--pdeathsig", "KILL", "--"] if (tool := shutil.which("setpriv")) else []
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = await asyncio.create_subprocess_exec(
        *leash,
        *(sys.executable, "-u", "-m", "rvs", "serve", *arguments),
        cwd=folder,
        env=inherited | path | ours | dict(environment or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=1 << 20,
    )
    service = ServeProcess(process)
    try:
        yield service
    finally:
        await service.kill()
        print("The service wrote:", *service.lines, sep="\n  ")  # pytest shows it with a test that failed
