"""The first start of a service: the networks are converted, and TensorFlow is not left in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rvs.conversion import convert_apart
from rvs.engine import unconverted_networks
from rvs.settings import load_settings

SERVE = """
import sys
from rvs.answer import load_served
from rvs.settings import load_settings
load_served(load_settings())
print(sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras"}))
"""


def test_a_service_that_starts_with_an_empty_cache_has_no_tensorflow_in_it(tmp_path: Path) -> None:
    environment = {**os.environ, "RVS_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert unconverted_networks(load_settings(cache_dir=tmp_path)) == []


def test_what_is_converted_already_starts_no_process(
    cache_dir: Path, pipeline: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", none)
    convert_apart(load_settings(cache_dir=cache_dir))


def test_a_conversion_that_fails_is_left_to_the_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rvs.conversion._CONVERT", "raise SystemExit(3)")
    convert_apart(load_settings(cache_dir=tmp_path))
    assert "ended with 3" in caplog.text
