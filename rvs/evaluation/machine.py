"""What a figure was measured on: the machine, the versions that matter, the commit. For reports.

It reads what the operating system tells and never guesses: what cannot be read is "unknown" or 0.
"""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import rvs

_PACKAGES = ("openvino", "tensorflow-cpu", "tensorflow", "keras", "annoy", "numpy", "pillow")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where something was measured.

    Attributes:
        processor: as the operating system calls it.
        cores: how many this process may use.
        memory_gib: of the machine.
        system: operating system and architecture.
        python: version of Python.
        packages: version of each package that matters and is installed.
        rvs: version of this package.
        commit: of the checkout it runs from, with "+" where files differ from it; "" outside a checkout.
        measured_at: UTC, ISO 8601, to the minute.
    """

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    packages: Mapping[str, str] = field(hash=False)
    rvs: str
    commit: str
    measured_at: str


def this_machine() -> Machine:
    """The machine this process runs on, now."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        memory_gib=_memory_gib(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages=versions,
        rvs=rvs.__version__,
        commit=_commit(),
        measured_at=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ"),
    )


def in_words(machine: Machine) -> str:
    """One paragraph for a report."""
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:.0f} GiB, {machine.system}; "
        f"Python {machine.python}, {packages}; rvs {machine.rvs}"
        + (f" at commit {machine.commit}" if machine.commit else "")
        + f"; {machine.measured_at}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "unknown"


def _memory_gib() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return 0.0


def _commit() -> str:
    folder = Path(rvs.__file__).parent
    try:
        hashed = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()
        # A package that was installed inside some other checkout is not that checkout's commit.
        subprocess.run(
            ["git", "ls-files", "--error-unmatch", "__init__.py"], cwd=folder, capture_output=True, check=True
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", "rvs", "tools", "index"],
            cwd=folder.parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return hashed + ("+" if changed else "")
