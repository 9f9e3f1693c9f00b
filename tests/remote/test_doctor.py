"""`rvs doctor` of a bot whose engine is elsewhere."""

import asyncio

import pytest

from rvs.answer import Served
from rvs.cli.app import run
from tests.remote.broken import nobody
from tests.web.running import running


async def test_it_asks_the_engine_and_looks_for_none_here(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RVS_INDEX_DIR", "nowhere")
    async with running(served) as web:
        monkeypatch.setenv("RVS_ENGINE_URL", web.url)
        assert await asyncio.to_thread(run, ["doctor"]) == 0
        assert f"{web.url} is ready" in capsys.readouterr().out
        dead = nobody()
        monkeypatch.setenv("RVS_ENGINE_URL", f"{web.url},{dead}")
        assert await asyncio.to_thread(run, ["doctor"]) == 1
    said = capsys.readouterr().out
    assert f"{web.url} is ready" in said
    assert f"{dead} is not ready" in said
    assert "index" not in said
