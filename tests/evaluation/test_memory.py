"""Memory is what the system says it is."""

import sys
from pathlib import Path

import numpy as np
import pytest

from rvs.evaluation.memory import mapped_memory_mib, memory_mib, peak_memory_mib

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell in the same way")


@linux
def test_what_is_allocated_and_freed_shows() -> None:
    before = memory_mib()
    large = np.ones((128, 2**20), np.uint8)
    held = memory_mib()
    del large
    assert held - before > 100
    assert memory_mib() < held - 100
    assert peak_memory_mib() > held - 1  # the kernel counts both a little late


@linux
def test_a_mapped_file_counts_once_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(32 * 2**20))
    before = mapped_memory_mib()
    mapped = np.memmap(path, mode="r")
    assert mapped[:: 2**12].sum() == 0
    assert mapped_memory_mib() - before > 25


def test_the_peak_is_known_everywhere_but_on_windows() -> None:
    assert (peak_memory_mib() > 0) == (sys.platform != "win32")
