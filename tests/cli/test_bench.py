"""`rvs bench` over a small index of one's own: everything is measured, in processes of their own."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.cli.apart import error_of, run_apart
from rvs.cli.app import run
from rvs.cli.bench_run import parse_runtimes, parse_sizes
from rvs.errors import ConfigError, GalleryMissingError, LookalikeError, RebuildFailedError
from rvs.evaluation.bench_folder import benchmark_in, write_benchmark
from rvs.evaluation.bench_report import bench_report
from rvs.evaluation.benchmark import Benchmark
from rvs.evaluation.engine_report import rows_in
from rvs.settings import load_settings
from tests.evaluation.figures import benchmark, growth
from tests.gallery.small import unheard
from tools.sample_photo import sample_photo


@pytest.fixture
def crew(
    astronaut: Pixels,
    tmp_path: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """An index over three photos, in use."""
    monkeypatch.setenv("RVS_CACHE_DIR", str(cache_dir))
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setenv("RVS_INDEX", "crew")
    monkeypatch.setenv("RVS_PRECISION", "f32")
    gallery = tmp_path / "Crew"
    for number, pixels in enumerate((astronaut, astronaut[40:400, 60:420], astronaut[20:460, 40:480, ::-1])):
        (gallery / f"Person_{number}").mkdir(parents=True)
        Image.fromarray(np.ascontiguousarray(pixels)).save(gallery / f"Person_{number}" / "1.png")
    assert run(["index", "build", "--gallery", str(gallery)]) == 0
    capsys.readouterr()
    return gallery


def test_everything_is_measured(
    crew: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rvs.cli.bench_run.COLD_STARTS", 1)
    report = tmp_path / "report"
    words = ["bench", str(sample_photo()), "--runtime", "openvino", "--repeat", "1", "--report", str(report)]
    assert run([*words, "--growth", "--sizes", "200,400", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((report / "benchmark.json").read_text(encoding="utf-8"))

    assert [photo["name"] for photo in document["photos"]] == [
        "250 px",
        "1 MP",
        "4 MP",
        "12 MP",
        "group photo",
    ]
    (figures,) = document["runtimes"]
    assert (figures["runtime"], figures["precision"]) == ("openvino", "f32")
    assert [speed["photo"] for speed in figures["queries"]] == [photo["name"] for photo in document["photos"]]
    assert all(speed["overhead"] > 0 for speed in figures["queries"])
    assert "overview" in figures["queries"][-1]["stages"]
    assert figures["cold"]["ready_s"] > 0
    assert figures["cold"]["first_ms"] > 0
    # OpenVINO serves: were TensorFlow loaded in there, it would be three times as much.
    assert 50 < figures["memory"]["loaded_mib"] <= figures["memory"]["peak_mib"] < 800
    assert [one["askers"] for one in figures["service"]] == [1, 2, 4, 8]
    assert (figures["batch"]["source"], figures["batch"]["photos"]) == ("gallery", 3)

    steps = document["growth"]["steps"]
    assert [step["vectors"] for step in steps] == [200, 400]
    assert all(step["exact"]["recall"] == 1.0 for step in steps)
    assert all(step["search_threads"] == 1 for step in steps)
    assert document["growth"]["real_vectors"] == 3

    read = benchmark_in(report)
    assert read is not None
    assert (report / "benchmark.md").read_text(encoding="utf-8") == bench_report(read)
    assert (report / "benchmark-growth.png").is_file()


def test_growth_that_was_measured_before_is_kept(
    crew: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own machine and day. What is measured is made up here; that it is, is tested above."""
    before = replace(benchmark(), growth=growth())
    write_benchmark(before, tmp_path / "report")

    def measured(*_: object) -> Benchmark:
        return replace(benchmark(with_growth=False), repeat=7)

    monkeypatch.setattr("rvs.cli.bench_run.measure", measured)
    words = ["bench", str(sample_photo()), "--report", str(tmp_path / "report")]
    assert run(words) == 0
    printed = capsys.readouterr().out
    assert "a growing gallery" in printed
    assert "exact search is the cheaper one" in printed
    after = benchmark_in(tmp_path / "report")
    assert after == replace(before, repeat=7)


def test_the_terminal_shows_the_same_figures(
    crew: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rvs.cli.bench_run.measure", lambda *_: benchmark(with_growth=False))
    assert run(["bench", str(sample_photo())]) == 0
    printed = capsys.readouterr().out
    rows = {line.split("  ")[0]: line.split()[-2:] for line in printed.splitlines() if line.strip()}
    assert rows["whole"] == ["40.0", "48.0"]
    assert rows["whole / floor"] == ["3.6", "3.6"]
    assert "openvino f32, 2 threads" in printed
    assert "ready after 1.2 s" in printed
    assert max(len(line) for line in printed.splitlines()[:-1]) <= 80


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nowhere.jpg"], 3, "nowhere.jpg"),
        (["PORTRAIT", "--runtime", "onnx"], 2, 'no runtime "onnx"'),
        (["PORTRAIT", "--growth", "--sizes", "many"], 2, '"many" is not a number of vectors'),
        (["PORTRAIT", "--sizes", "100k"], 2, "--growth"),
        (["PORTRAIT", "--index", "nobody"], 4, "no index"),
        ([], 2, "no photo to ask with"),
        (["PORTRAIT", "--search", "annoy"], 2, "nothing else"),
        (["--search", "annoy", "--growth"], 2, "nothing else"),
        (["--search", "annoy,faiss"], 2, 'no engine "faiss"'),
        (["--search", "annoy", "--sizes", "many"], 2, '"many" is not a number of vectors'),
        (["--search", "annoy", "--index", "nobody"], 4, "no index"),
        (["--search", "pgvector"], 2, "where PostgreSQL is"),
        (["--search", "milvus"], 6, "does not answer"),
        (["WALL"], 3, "No face was found"),
    ],
)
def test_what_cannot_be_measured_is_said_beforehand(
    words: list[str], code: int, says: str, crew: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (400, 400), "gray").save(tmp_path / "wall.png")
    places = {"PORTRAIT": str(sample_photo()), "WALL": str(tmp_path / "wall.png")}
    assert run(["bench", *(places.get(word, word) for word in words)]) == code
    printed = capsys.readouterr()
    assert says in printed.err + printed.err.replace("\n", " ")
    assert printed.out == ""


def test_engines_of_the_search_are_compared(
    crew: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report"
    words = ["bench", "--search", "annoy,exact", "--sizes", "200,300", "--recall", "0.9"]
    assert run([*words, "--report", str(report)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in printed[1:5]] == ["annoy, 40 trees", "exact"] * 2
    assert max(len(line) for line in printed[:5]) <= 80
    assert "a recall@10 of 0.9" in printed[5]

    assert run(["bench", "--search", "exact", "--sizes", "200", "--json", "--report", str(report)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["speed"]["vectors"], row["speed"]["dimension"], row["speed"]["speed"]["recall"]) == (
        200,
        128,
        1,
    )
    rows = rows_in(report)
    assert [(one.speed.vectors, one.speed.engine, one.speed.target) for one in rows] == [
        (200, "annoy, 40 trees", 0.9),
        (200, "exact", 0.9),
        (200, "exact", 0.95),
        (300, "annoy, 40 trees", 0.9),
        (300, "exact", 0.9),
    ]


def test_a_document_of_another_kind_is_noticed_before_anything_is_measured(
    crew: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmark.json").write_text("{}")
    assert run(["bench", str(sample_photo()), "--report", str(tmp_path)]) == 2
    assert "not a benchmark" in capsys.readouterr().err
    assert (tmp_path / "benchmark.json").read_text() == "{}"


def test_runtimes_by_name() -> None:
    assert parse_runtimes(None) == parse_runtimes("tensorflow, openvino") == ("openvino", "tensorflow")
    assert parse_runtimes("tensorflow") == ("tensorflow",)
    with pytest.raises(ConfigError, match="no runtime"):
        parse_runtimes("")


def test_sizes_in_words() -> None:
    assert parse_sizes("1M, 13k,500,13000", 9) == (500, 13_000, 1_000_000)
    assert parse_sizes(None, 13_233) == (13_233, 100_000, 1_000_000, 3_000_000)
    assert parse_sizes(None, 3) == (100_000, 1_000_000, 3_000_000)
    for wrong in ("", "k", "9", "-5", "1.5M", "1e6"):
        with pytest.raises(ConfigError, match="number of vectors"):
            parse_sizes(wrong, 13_233)


def test_an_error_of_a_part_is_ours_again(tmp_path: Path) -> None:
    settings = load_settings(index_dir=tmp_path, index="nobody")
    request: dict[str, Any] = {"part": "growth", "size": 100, "trees": 2}
    with pytest.raises(GalleryMissingError) as caught:
        run_apart(request, settings, unheard)
    assert "nobody" in caught.value.message
    assert caught.value.hint


def test_a_part_that_dies_is_an_error_with_its_last_words() -> None:
    with pytest.raises(RuntimeError, match="ended with code 1: KeyError: 'dance'"):
        run_apart({"part": "dance"}, load_settings(), unheard)


def test_errors_by_their_code() -> None:
    assert type(error_of("rebuild.failed", "It failed.", "")) is RebuildFailedError
    assert type(error_of("unheard.of", "What?", "")) is LookalikeError
