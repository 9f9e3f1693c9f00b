"""What the tests of the command line share."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rvs.cli.app import run


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command that must succeed and gives the JSON it printed."""

    def ask(*words: str) -> Any:
        code = run([*words, "--json"])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return json.loads(printed.out)

    return ask
