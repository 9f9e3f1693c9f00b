"""How much memory this process has, as the operating system counts it. What cannot be read is 0."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def memory_mib() -> float:
    """What of this process is in memory now (RSS), mapped files included."""
    return _from_status("VmRSS")


def mapped_memory_mib() -> float:
    """What of mapped files is in memory for this process now; other processes may share it."""
    return _from_status("RssFile")


def peak_memory_mib() -> float:
    """The most that ever was."""
    return _from_status("VmHWM") or _peak_by_usage()


def _from_status(name: str) -> float:
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0.0
    kib = next((line.split()[1] for line in lines if line.startswith(f"{name}:")), "0")
    return round(int(kib) / 1024, 1)


def _peak_by_usage() -> float:
    try:
        import resource  # noqa: PLC0415  (Windows has none)
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
