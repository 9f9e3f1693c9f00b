"""The bot as a user starts it: a process with an environment, a log, and an exit code. None is left behind."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.transport.fake_discord import FakeDiscord

T = TypeVar("T")
SECONDS = 60.0
"""How long a test waits for the process before it fails: converting networks takes a while."""


class BotProcess:
    """`python SCRIPT` in `folder`, led to `discord`. Use it with `async with`; leaving kills what still runs.

    Of the environment, RVS_* and DISCORD_* are replaced by those of the fake and by `environment`, which wins.
    """

    def __init__(
        self,
        script: Path,
        discord: FakeDiscord,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.lines: list[str] = []
        """What it wrote, standard output and standard error, a line each."""
        self._command = [sys.executable, "-u", str(script), *arguments]
        self._discord = discord
        self._folder = folder
        self._environment = dict(environment or {})
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or None while it runs; minus the number of the signal that ended it."""
        return self._running().returncode

    @property
    def log(self) -> str:
        """Everything it wrote."""
        return "\n".join(self.lines)

    async def line(self, pattern: str, seconds: float = SECONDS) -> str:
        """The first line in which the regular expression is found, now or soon.

        Raises:
            AssertionError: it ended without, or did not write it in time.
        """
        return await self._wait(
            lambda: next((line for line in self.lines if re.search(pattern, line)), ""),
            seconds,
            repr(pattern),
        )

    async def ready(self, pattern: str | None = None, seconds: float = SECONDS) -> None:
        """Wait for a line of the log, or else for a session at the gateway and registered commands."""
        if pattern is not None:
            await self.line(pattern, seconds)
            return
        gateway, world = self._discord.gateway, self._discord.world
        await self._wait(lambda: bool(gateway.connected and world.commands), seconds, "readiness")

    async def _wait(self, wish: Callable[[], T], seconds: float, what: str) -> T:
        """As `FakeDiscord.wait_until`, but a bot that has ended is not waited for."""
        await self._discord.wait_until(lambda: wish() or self._has_ended(), seconds, what=what)
        result = wish()
        if not result:
            raise AssertionError(f"the bot ended with {await self.wait()} before {what}")
        return result

    def _has_ended(self) -> bool:
        return self._reader is not None and self._reader.done()

    def terminate(self) -> None:
        """SIGTERM, as a container or systemd stops it."""
        self._running().send_signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """SIGINT, as Ctrl-C does."""
        self._running().send_signal(signal.SIGINT)

    async def wait(self, seconds: float = SECONDS) -> int:
        """The exit code, once it has ended and its log is read to the end.

        Raises:
            AssertionError: it still runs after `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                code = await self._running().wait()
                if self._reader is not None:
                    await asyncio.shield(self._reader)
        except TimeoutError:
            raise AssertionError(f"the bot still runs after {seconds:g} s") from None
        return code

    def rss_bytes(self) -> int:
        """Memory it holds now (Linux)."""
        return self._status_bytes("VmRSS")

    def peak_rss_bytes(self) -> int:
        """The most memory it ever held (Linux)."""
        return self._status_bytes("VmHWM")

    def _status_bytes(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        if found is None:
            raise AssertionError(f"process {self.pid} has no {name}: has it ended?")
        return int(found[1]) * 1024

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise AssertionError("the bot has not been started: use `async with`")
        return self._process

    async def __aenter__(self) -> Self:
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("RVS_", "DISCORD_"))
        }
        # Should the tests themselves be killed, the kernel ends the bot too, where the tool for that exists.
        leash = [tool, "--pdeathsig", "KILL", "--"] if (tool := shutil.which("setpriv")) else []
        self._process = await asyncio.create_subprocess_exec(
            *leash,
            *self._command,
            cwd=self._folder,
            env=inherited | self._discord.environment | self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=1 << 20,
        )
        self._reader = asyncio.create_task(self._read(self._process.stdout))
        self._reader.add_done_callback(lambda _: self._discord.world.changes.ring())
        return self

    async def _read(self, output: asyncio.StreamReader | None) -> None:
        assert output is not None
        async for line in output:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            self._discord.world.changes.ring()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._reader is not None:
            await self._reader
        print("The bot wrote:", *self.lines, sep="\n  ")  # pytest shows it with a test that failed
