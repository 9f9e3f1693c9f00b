"""What the command says about a build on Ray before there is one."""

import importlib.util
import socket
from pathlib import Path

import pytest

from rvs.cli.app import run
from rvs.errors import ConfigError
from rvs.gallery.on_ray.cluster import connected


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--gallery", "s3://bucket/crew"], "Add --on ray"),
        (["--gallery", "crew", "--ray-address", "127.0.0.1:6379"], "Add --on ray"),
        (["--gallery", "crew", "--shards", "s3://bucket/work"], "Add --on ray"),
        (["--gallery", "s3://bucket/---", "--on", "ray"], "Give one with --index"),
    ],
)
def test_options_that_make_no_sense(words: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "build", *words]) == 2
    assert hint in capsys.readouterr().err


def test_a_cluster_that_is_not_there() -> None:
    """Ray itself would try for half an hour."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening: nobody answers there
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=address), connected(address, 1):
            pass


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="it is installed")
def test_without_the_extra(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ray") as caught, connected(None, 1):
        pass
    assert "lookalike[ray]" in caught.value.hint
