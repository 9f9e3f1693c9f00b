"""What processes need, told of real ones: a parent that does nothing, and a child that holds memory and computes."""

import subprocess
import sys

import pytest

from rvs.evaluation.server_process import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc, which is Linux'")

_CHILD = """
import time
held = bytearray(b"x") * (64 << 20)
until = time.process_time() + 0.5
while time.process_time() < until:
    pass
print(flush=True)
input()
"""
_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
input_ = sys.stdin  # the child reads from it
child.wait()
print(flush=True)
sys.stdin.close()
import time; time.sleep(600)
"""


def test_a_child_counts_and_its_time_also_when_it_has_ended() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    try:
        parent.stdout.readline()
        process = ServerProcess(parent.pid)
        with_child_mib, cpu_s = process.memory_mib(), process.cpu_s()
        assert with_child_mib > 64
        assert 0.5 <= cpu_s < 60
        parent.stdin.write("\n")
        parent.stdin.flush()
        parent.stdout.readline()
        assert process.memory_mib() < with_child_mib - 60
        assert process.cpu_s() >= cpu_s
    finally:
        parent.kill()
        parent.communicate()
    assert (process.memory_mib(), process.cpu_s()) == (0, 0)
