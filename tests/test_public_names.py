"""The library's surface: exactly these names, and nothing is loaded until one is used."""

import subprocess
import sys

import pytest

import rvs


def test_every_public_name_is_there_and_at_home() -> None:
    assert sorted(rvs.__all__) == sorted(rvs._HOMES)
    for name in rvs.__all__:
        assert getattr(rvs, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = rvs.nothing_of_the_kind


def test_importing_rvs_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import rvs; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numpy", "PIL", "pydantic", "openvino", "keras", "tensorflow"}.isdisjoint(loaded)
    assert {name for name in loaded if name.startswith("rvs.")} == set()
