"""What a server on this machine needs: memory and processor time of its process and all below it (Linux)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A process that may have others below it; each figure is of all of them, and 0 once they have ended."""

    pid: int

    def memory_mib(self) -> float:
        """Memory in MiB; a page that several of them share counts once (PSS)."""
        return round(sum(_pss_kib(pid) for pid in self._pids()) / 1024, 1)

    def cpu_s(self) -> float:
        """Processor seconds until now, those of children that have ended included."""
        return sum(_ticks(pid) for pid in self._pids()) / os.sysconf("SC_CLK_TCK")

    def _pids(self) -> Iterator[int]:
        waiting = [self.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            try:
                threads = list((_PROC / str(pid) / "task").iterdir())
                below = [(thread / "children").read_text("ascii") for thread in threads]
            except OSError:
                continue  # ended meanwhile
            waiting += [int(child) for children in below for child in children.split()]


def _pss_kib(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _ticks(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return 0
    # After the name, which may hold anything: own time, the kernel's for it, and both of children that have ended.
    return sum(int(field) for field in text.rpartition(")")[2].split()[11:15])
