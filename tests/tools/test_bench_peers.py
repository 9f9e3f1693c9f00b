"""The command: who can be started is measured, who cannot is told with the reason."""

from pathlib import Path

import pytest

from tools import bench_peers
from tools.bench_peers import started
from tools.peers.contenders import Contender
from tools.peers.worker import Setup

HONEST = "tests.tools.peers.honest_worker"


def test_contenders_that_cannot_be_started_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_peers, "PYTHON", tmp_path / "no-environment" / "python")
    contenders = [
        Contender("first", (HONEST,), "project", "noted", "", against="first"),
        Contender("second", (HONEST,), "project", "timed", "", against="first"),
        Contender("absent", (HONEST, "absent"), "project", "noted", "", against="first"),
        Contender("homeless", ("tools.peers.deepface_find",), "peers", "find", "", against="first"),
    ]
    setup = Setup(str(tmp_path), str(tmp_path / "kept"), vectors="", photo_list="", lfw="", workers=1)
    with started(contenders, setup) as them:
        assert list(them.ready) == [(HONEST,)]
        race = them.race(contenders, {"small": ["a.jpg"]}, 1)
        versions, once_ms = them.facts(contenders)
    assert {turn.contender for turn in race.turns} == {"first", "second"}
    assert race.failed == {
        ("absent", "small"): "ModuleNotFoundError: No module named 'a_package_that_nobody_has'",
        ("homeless", "small"): "Its environment is not there; `make bench-peers` makes it.",
    }
    assert set(versions) == set(once_ms) == {"first", "second"}
    assert f"starting {HONEST} absent" in capsys.readouterr().err
