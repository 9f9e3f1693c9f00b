"""`rvs eval` over LFW's index, and its study over a small gallery that is like LFW in all but size."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.cli.app import run
from rvs.evaluation.document import from_json
from rvs.evaluation.eval_markdown import markdown

PEOPLE, FOLDS = 20, 10


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, cache_dir: Path, tmp_path: Path) -> None:
    """Our own cache and data folders, and nothing that Keras has downloaded."""
    monkeypatch.setenv("RVS_CACHE_DIR", str(cache_dir))
    monkeypatch.setenv("RVS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()


@pytest.fixture
def small_lfw(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, astronaut: Pixels) -> Path:
    """Twenty people with two photos each, all of them the astronaut in other colours; and pairs of them."""
    root, face = tmp_path / "lfw", Image.fromarray(astronaut).crop((100, 0, 350, 250))
    for person in range(PEOPLE):
        tint = np.random.default_rng(person).uniform(0.5, 1.0, 3)
        for number, turn in ((1, 0), (2, 6)):
            pixels = (np.asarray(face.rotate(turn, Image.Resampling.BILINEAR)) * tint).astype(np.uint8)
            name = f"P{person:02d}"
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / name / f"{name}_{number:04d}.jpg", quality=92)
    lines = [f"{FOLDS}\t1"]
    for fold in range(FOLDS):
        one, other = f"P{2 * fold:02d}", f"P{2 * fold + 1:02d}"
        lines += [f"{one}\t1\t2", f"{one}\t1\t{other}\t1"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("RVS_LFW_DIR", str(root))
    monkeypatch.setenv("RVS_LFW_PAIRS", str(tmp_path / "pairs.txt"))
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path / "index"))
    return root


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MobileNet with random weights, as Keras saves it."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    shape = (224, 224, 3)
    model = keras.applications.MobileNet(include_top=False, pooling="avg", weights=None, input_shape=shape)
    model.save_weights(path)
    return path


def test_of_lfw(lfw_dir: Path, lfw_pairs_file: Path, tmp_path: Path, answer: Callable[..., Any]) -> None:
    """The figures that the README gives, and sheets to look at."""
    assert lfw_dir.is_dir()
    assert lfw_pairs_file.is_file()
    found = answer("eval", "--sheets", str(tmp_path / "sheets"))
    assert found["index"] == "lfw"
    assert found["pairs"] == 6000
    assert found["accuracy"] >= 0.991
    assert found["verification"]["tar_at_far_1e3"] < found["verification"]["tar_at_far_1e2"] < 1
    identified = found["identification"]
    assert identified["precision_at_1"] >= 0.955
    assert 0.7 < identified["precision_at_5"] < identified["best_precision_at_5"] < 0.8
    # Listing each person once can only move somebody up.
    assert identified["by_person"]["precision_at_1"] == pytest.approx(identified["precision_at_1"], abs=1e-3)
    assert identified["by_person"]["hit_at_5"] >= identified["hit_at_5"]
    assert found["detection"]["found"] >= 0.999
    assert found["calibration"]["expected_calibration_error"] < 0.02
    for check in found["calibration"]["percentiles"]:
        assert check["found"] == pytest.approx(check["promised"], rel=0.2)
    assert found["neighbours"]["recall_at_10"] >= 0.999
    assert found["study"] is None
    sheets = {path.name for path in (tmp_path / "sheets").iterdir()}
    assert {"confident-mistakes.jpg", "lost-people.jpg", "hardest-right.jpg"} <= sheets


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_the_study(small_lfw: Path, mobilenet_file: Path, tmp_path: Path, answer: Callable[..., Any]) -> None:
    """Rows come alive with weights; the others are there and marked; each row is an index that can be asked."""
    answer("index", "build", "--index", "lfw")
    docs = tmp_path / "docs"
    found = answer("eval", "--study", "--weights", f"mobilenet={mobilenet_file}", "--report", str(docs))

    rows = {(row["embedder"], row["crop"]): row for row in found["study"]["rows"]}
    assert len(rows) == 21
    alive = {name for name, row in rows.items() if row["figures"] is not None}
    assert alive == {
        (name, crop) for name in ("mobilenet", "face-resnet") for crop in ("whole", "face", "aligned")
    }
    for name in alive:
        figures = rows[name]["figures"]
        assert figures["photos"] == 2 * PEOPLE
        assert 0 <= figures["accuracy"] <= 1
        assert figures["times"]["embed_ms"] > 0
        assert (figures["times"]["detect_ms"] is None) == (name[1] == "whole")
        assert figures["neighbours"]["recall_at_10"] > 0.9
        assert figures["index_bytes"] > 0
    assert rows["vgg16", "face"]["dimension"] == 512

    # The default pipeline's row is LFW's own index, with the same figures as the rest of the document.
    default = rows["face-resnet", "aligned"]
    assert default["index"] == "lfw"
    assert default["figures"]["precision_at_1"] == found["precision_at_1"]
    assert not (tmp_path / "index" / "study-face-resnet-aligned").exists()

    text = (docs / "evaluation.md").read_text(encoding="utf-8")
    assert text.count("weights not on this machine") == 15
    assert text == markdown(from_json((docs / "evaluation.json").read_text(encoding="utf-8")))

    probe = str(small_lfw / "P03" / "P03_0001.jpg")
    row = rows["mobilenet", "aligned"]
    asked = ["find", probe, "--index", row["index"], "--pipeline", row["pipeline"]]
    (searched,) = answer(*asked, "--weights", str(mobilenet_file))["photos"][0]["searched"]
    assert searched["matches"][0]["person"] == "P03"

    # Without the study it stays in the report, and an index that is there is not built again.
    assert answer("eval", "--report", str(docs))["study"] == found["study"]
    build = ["index", "build", "--index", row["index"], "--pipeline", row["pipeline"]]
    again = answer(*build, "--weights", str(mobilenet_file))
    assert (again["changed"], again["version"]) == (False, row["figures"]["version"])


def test_the_index_of_a_row_is_built_where_lfws_is_of_another_pipeline(
    small_lfw: Path, tmp_path: Path, answer: Callable[..., Any]
) -> None:
    assert small_lfw.is_dir()
    answer("index", "build", "--index", "lfw", "--pipeline", "whole-image + face-resnet")
    before = (tmp_path / "index" / "lfw" / "current").read_text()
    found = answer("eval", "--study")
    assert (tmp_path / "index" / "lfw" / "current").read_text() == before
    row = next(
        one for one in found["study"]["rows"] if (one["embedder"], one["crop"]) == ("face-resnet", "aligned")
    )
    assert row["index"] == "study-face-resnet-aligned"
    assert row["figures"]["photos"] == 2 * PEOPLE
    assert found["detection"] is None  # whole images were embedded


def test_figures_by_label(small_lfw: Path, tmp_path: Path, answer: Callable[..., Any]) -> None:
    columns = ("Male", "Asian", "White", "Black", "Child", "Youth", "Middle Aged", "Senior", "Indian")
    lines = ["# labels", "#\tperson\timagenum\t" + "\t".join(columns)]
    lines += [
        f"P{person:02d}\t{number}\t{1 if person < 5 else -1}" + "\t0.5" * 8
        for person in range(PEOPLE)
        for number in (1, 2)
    ]
    labels = tmp_path / "lfw_attributes.txt"
    labels.write_text("\n".join(lines) + "\n")
    assert small_lfw.is_dir()
    answer("index", "build", "--index", "lfw")
    found = answer("eval", "--attributes", str(labels))["subgroups"]
    assert found["labelled"] == 2 * PEOPLE
    photos = {one["name"]: one["photos"] for one in found["groups"] if one["sort"] == "sex"}
    assert photos == {"Male": 10, "not Male": 30}


def test_what_a_person_reads(
    small_lfw: Path, answer: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert small_lfw.is_dir()
    answer("index", "build", "--index", "lfw")
    found = answer("eval")
    assert run(["eval"]) == 0
    printed = capsys.readouterr().out
    assert f"P@1 {found['precision_at_1']:.4f}" in printed
    for words in (
        "verification, 20 pairs",
        "detection:",
        "mean reciprocal rank",
        "recall@10",
        "--attributes",
    ):
        assert words in printed


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--weights", "vgg16=x.h5"], 2, "--study"),
        (["--random-weights"], 2, "--study"),
        (["--study", "--weights", "x.h5"], 2, "NAME=PATH"),
        (["--study", "--weights", "alexnet=x.h5"], 2, 'no embedding network "alexnet"'),
        (["--study", "--weights", "face-resnet=x.h5"], 2, "part of the package"),
        (["--study", "--weights", "vgg16=nowhere.h5"], 5, "nowhere.h5"),
        (["--attributes", "nowhere.txt"], 2, "nowhere.txt"),
        (["--report", "docs", "--sheets", "docs/sheets"], 2, "photos of LFW"),
    ],
)
def test_errors_come_before_the_work(
    words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", *words]) == code
    assert says in capsys.readouterr().err.replace("\n", " ")


def test_without_the_photos_there_are_no_sheets(
    small_lfw: Path,
    tmp_path: Path,
    answer: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert small_lfw.is_dir()
    answer("index", "build", "--index", "lfw")
    monkeypatch.delenv("RVS_LFW_DIR")
    assert run(["eval", "--sheets", str(tmp_path / "sheets")]) == 4
    assert "nothing to put on a sheet" in capsys.readouterr().err.replace("\n", " ")
    assert run(["eval", "--study"]) == 4
    assert not (tmp_path / "sheets").exists()


def test_an_earlier_report_that_is_damaged_stops_it(
    small_lfw: Path, tmp_path: Path, answer: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert small_lfw.is_dir()
    answer("index", "build", "--index", "lfw")
    (tmp_path / "evaluation.json").write_text(json.dumps({"format": 1}))
    assert run(["eval", "--report", str(tmp_path)]) == 2
    assert "earlier report" in capsys.readouterr().err
