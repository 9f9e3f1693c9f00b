"""The document of an evaluation, and the report that is made of it and of nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rvs.errors import ConfigError, GalleryMismatchError
from rvs.evaluation.annoy_sweep import sweep_annoy
from rvs.evaluation.document import Evaluation, from_json, to_document, to_json
from rvs.evaluation.embedding_speed import PhotoTimes
from rvs.evaluation.eval_markdown import markdown
from rvs.evaluation.eval_report import earlier_study, write_report
from rvs.evaluation.machine import this_machine
from rvs.evaluation.measure import evaluate_version
from rvs.evaluation.study import Study, measure_row, planned_rows, row_of
from rvs.gallery.lfw import Pair
from rvs.gallery.photo_list import Miss
from rvs.gallery.version import Version
from rvs.pipeline import DEFAULT_PIPELINE
from tests.evaluation.made_version import files_of, made_version
from tests.vectors.crowd import crowd, owners

PEOPLE = owners(60, 3)
MISSED = Miss("P99", "P99/P99_0001.jpg", "", "No face was found.")


def _pairs() -> list[Pair]:
    files = files_of(PEOPLE)
    return [
        pair
        for fold in range(10)
        for row in range(18 * fold, 18 * fold + 18, 6)
        for pair in (
            Pair(files[row], files[row + 1], True, fold),
            Pair(files[row + 2], files[row + 3], False, fold),
        )
    ]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    vectors = crowd(60, 3, dimension=16, spread=0.6)
    return made_version(tmp_path_factory.mktemp("report") / "v1", vectors, PEOPLE, misses=[MISSED])


@pytest.fixture(scope="module")
def bare(version: Version) -> Evaluation:
    return evaluate_version("lfw", version, _pairs(), None, 2)


@pytest.fixture(scope="module")
def study(version: Version) -> Study:
    """The default pipeline has figures, the others have none."""
    times = PhotoTimes(32, 2, "openvino", "f32", 1.25, 0.75)
    figures = measure_row(version, _pairs(), times, 2, "2026-11-26T00:00Z")
    rows = [
        row_of(row, figures if str(row.pipeline) == DEFAULT_PIPELINE else None)
        for row in planned_rows({}, "lfw")
    ]
    machine = replace(this_machine(), measured_at="2026-10-01T12:00Z", commit="0ldc0de")
    return Study(machine, tuple(rows))


@pytest.fixture(scope="module")
def full(bare: Evaluation, study: Study, version: Version) -> Evaluation:
    return replace(bare, annoy=sweep_annoy(version.vectors, (1, 4), (200, 2000)), study=study)


def test_what_is_written_is_what_is_read(full: Evaluation, bare: Evaluation) -> None:
    for one in (full, bare):
        text = to_json(one)
        assert to_json(from_json(text)) == text
        assert from_json(text).version == one.version


def test_figures_that_programs_read_before_are_still_there(bare: Evaluation) -> None:
    document = to_document(bare)
    before = {
        "index", "version", "pipeline", "precision", "pairs", "accuracy", "accuracy_sd", "auc", "tar_at_far_1e3",
        "threshold", "probes", "precision_at_1", "hit_at_5", "mean_average_precision", "annoy_recall_at_10",
    }  # fmt: skip
    assert before <= set(document)
    assert document["format"] == 1
    assert document["accuracy"] == pytest.approx(bare.verification.accuracy, rel=1e-5)
    assert document["probes"] == bare.identification.probes == 180


def test_numbers_are_short(full: Evaluation) -> None:
    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [one for inner in value.values() for one in numbers(inner)]
        if isinstance(value, list):
            return [one for inner in value for one in numbers(inner)]
        return [value] if isinstance(value, float) else []

    found = numbers(json.loads(to_json(full)))
    assert len(found) > 100
    assert all(float(f"{one:.6g}") == one for one in found)


def test_the_calibration_is_fitted_apart_where_none_is_packaged(bare: Evaluation) -> None:
    assert bare.calibration is not None
    assert bare.calibration.held_out_pairs == 30
    assert bare.calibration.stranger_pairs == 30 * 29 // 2  # the people of the other five folds


def test_an_index_over_something_else_is_refused(tmp_path: Path) -> None:
    version = made_version(tmp_path / "v1", crowd(3, 1), owners(3, 1))
    with pytest.raises(GalleryMismatchError, match="LFW's pairs"):
        evaluate_version("crew", version, _pairs(), None, 1)


class TestMarkdown:
    def test_it_has_the_figures(self, full: Evaluation) -> None:
        text = markdown(full)
        for figure in (
            f"{100 * full.verification.accuracy:.2f} % ± {100 * full.verification.accuracy_sd:.2f} %",
            f"| {full.identification.precision_at_1:.4f} | {full.identification.by_person.precision_at_1:.4f} |",
            f"{full.identification.precision_at_5:.4f}",
            f"{full.neighbours.recall_at_10:.4f}",
            "`P99/P99_0001.jpg`: No face was found.",
            "| vgg16 | face box | weights not on this machine |",
        ):
            assert figure in text

    def test_the_study_has_the_date_and_commit_of_its_own(self, full: Evaluation) -> None:
        section = markdown(full).split("## The study's experiment")[1].split("\n## ")[0]
        assert "2026-10-01T12:00Z" in section
        assert "0ldc0de" in section
        assert section.count("weights not on this machine") == 20

    def test_it_says_what_was_not_measured(self, full: Evaluation, bare: Evaluation) -> None:
        missing = markdown(bare).split("## What was not measured")[1]
        assert "`--study`" in missing
        assert "`--annoy`" in missing
        missing = markdown(full).split("## What was not measured")[1]
        assert "`--study`" not in missing
        assert "vgg16" in missing

    def test_without_labels_it_says_for_whom_it_is_less_well_measured(self, bare: Evaluation) -> None:
        text = markdown(bare)
        assert "attribute labels were not on the machine" in text
        assert "Han and Jain" in text
        labelled = markdown(replace(bare, subgroups=replace(bare.subgroups, labelled=170)))
        assert "Han and Jain" not in labelled
        assert "170" in labelled

    def test_tables_are_tables(self, full: Evaluation) -> None:
        lines = markdown(full).splitlines()
        for number, line in enumerate(lines):
            if line.startswith("|---"):
                columns = line.count("|")
                assert lines[number - 1].count("|") == columns
                assert lines[number + 1].count("|") == columns


class TestReport:
    def test_everything_is_made_of_the_document(self, full: Evaluation, tmp_path: Path) -> None:
        files = write_report(tmp_path / "docs", full)
        assert {path.name for path in files} == {
            "evaluation.json",
            "evaluation.md",
            *(f"evaluation-{name}.png" for name in ("roc", "reliability", "annoy", "study")),
        }
        text = (tmp_path / "docs" / "evaluation.md").read_text(encoding="utf-8")
        assert text == markdown(
            from_json((tmp_path / "docs" / "evaluation.json").read_text(encoding="utf-8"))
        )
        plots = {path.name for path in files if path.suffix == ".png"}
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in files if path.suffix == ".png")
        assert {name for name in plots if f"({name})" in text} == plots

    def test_what_was_not_measured_is_not_drawn(self, bare: Evaluation, tmp_path: Path) -> None:
        files = write_report(tmp_path, bare)
        assert not {"evaluation-annoy.png", "evaluation-study.png"} & {path.name for path in files}
        text = (tmp_path / "evaluation.md").read_text(encoding="utf-8")
        assert all(path.name in text for path in files if path.suffix == ".png")
        assert "evaluation-annoy.png" not in text
        assert "evaluation-study.png" not in text

    def test_the_study_can_be_read_again(self, full: Evaluation, tmp_path: Path) -> None:
        write_report(tmp_path, full)
        kept = earlier_study(tmp_path)
        assert kept == from_json(to_json(full)).study
        assert kept is not None
        assert (kept.machine.measured_at, kept.machine.commit) == ("2026-10-01T12:00Z", "0ldc0de")

    def test_whatever_else_the_document_says(self, full: Evaluation, tmp_path: Path) -> None:
        """Figures may have been added since."""
        document = to_document(full)
        del document["coverage"]
        (tmp_path / "evaluation.json").write_text(json.dumps(document))
        assert earlier_study(tmp_path) is not None

    def test_where_there_is_none(self, bare: Evaluation, tmp_path: Path) -> None:
        assert earlier_study(tmp_path) is None
        write_report(tmp_path, bare)
        assert earlier_study(tmp_path) is None

    @pytest.mark.parametrize("text", ["{}", "[]", "", '{"study": {"rows": 3}}'])
    def test_it_is_not_lost_because_it_cannot_be_read(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "evaluation.json").write_text(text)
        with pytest.raises(ConfigError, match="its study would be lost"):
            earlier_study(tmp_path)


def test_the_roc_is_thinned(bare: Evaluation) -> None:
    far = np.array(bare.verification.roc)[:, 0]
    assert (np.diff(far) > 0).all()
    assert len(far) <= 62
