"""The document keeps everything on its way to a file and back."""

import json
from pathlib import Path

import pytest

from rvs.errors import ConfigError
from rvs.evaluation.benchmark import benchmark_json, read_benchmark
from tests.evaluation.figures import benchmark


@pytest.mark.parametrize("with_growth", [True, False])
def test_there_and_back(tmp_path: Path, with_growth: bool) -> None:
    path = tmp_path / "benchmark.json"
    path.write_text(benchmark_json(benchmark(with_growth=with_growth)), encoding="utf-8")
    assert read_benchmark(path) == benchmark(with_growth=with_growth)


def change(text: str, **fields: object) -> str:
    return json.dumps(json.loads(text) | fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        change(benchmark_json(benchmark()), format=2),
        change(benchmark_json(benchmark()), runtimes=[{}]),
        benchmark_json(benchmark())[:500],
    ],
)
def test_another_document_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "benchmark.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"benchmark\.json is not a benchmark"):
        read_benchmark(path)


def test_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_benchmark(tmp_path / "benchmark.json")
