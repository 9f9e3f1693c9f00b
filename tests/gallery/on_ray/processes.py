"""Processes of Linux as /proc tells of them: who descends from whom, and who listens where."""

import contextlib
import ipaddress
import os
import re
import signal
import socket
from pathlib import Path

_LISTENS = "0A"


def descendants(pid: int) -> list[int]:
    """The process and all that it started, and they; the first is `pid`."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            child, rest = stat.read_text().split(" ", 1)
            parents.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(child))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def command(pid: int) -> str:
    """What it calls itself; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def kill(pids: list[int]) -> None:
    """SIGKILL, to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def listening(pids: list[int]) -> set[str]:
    """The addresses on which these processes take connections."""
    sockets: set[str] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets |= set(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[column] for column in (1, 3, 9))
            if state == _LISTENS and inode in sockets:
                addresses.add(_address(local.partition(":")[0]))
    return addresses


def _address(hexadecimal: str) -> str:
    # Words of four bytes in the order of the machine.
    words = [
        int(hexadecimal[start : start + 8], 16).to_bytes(4, "little")
        for start in range(0, len(hexadecimal), 8)
    ]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    address = ipaddress.ip_address(socket.inet_ntop(family, b"".join(words)))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
