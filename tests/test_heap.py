"""Freed memory is kept: in a process of its own, because there is no way back."""

import platform
import subprocess
import sys

import pytest

_PHOTOS = """
import resource, sys
import numpy as np
from rvs.heap import keep_freed_memory

def photo():
    blocks = [np.ones(size << 20, np.uint8) for size in (4, 7, 12, 3, 6)]
    return sum(int(block[0]) for block in blocks)

if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(5):
    photo()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    photo()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_the_next_photo_finds_the_memory_of_the_last() -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", _PHOTOS, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    returned, kept = faults("returned"), faults("kept")
    assert returned > 10_000, "glibc has learned it by itself: rvs.heap is not needed any more"
    assert kept < returned / 100
