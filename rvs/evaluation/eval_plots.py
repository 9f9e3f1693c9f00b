"""The plots of the report of `rvs eval`, drawn of its document."""

from pathlib import Path

from rvs.evaluation.charts import Axis, Series, draw_bars, draw_lines
from rvs.evaluation.document import Evaluation
from rvs.evaluation.study import CROPS

ROC_PLOT, RELIABILITY_PLOT, ANNOY_PLOT, STUDY_PLOT = (
    f"evaluation-{name}.png" for name in ("roc", "reliability", "annoy", "study")
)
CROP_NAMES = {"whole": "whole image", "face": "face box", "aligned": "aligned face"}


def draw_plots(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Draw a plot of every section there is; returns the files.

    Raises:
        ConfigError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    plots = {
        ROC_PLOT: _roc(folder / ROC_PLOT, evaluation),
        RELIABILITY_PLOT: _reliability(folder / RELIABILITY_PLOT, evaluation),
        ANNOY_PLOT: _annoy(folder / ANNOY_PLOT, evaluation),
        STUDY_PLOT: _study(folder / STUDY_PLOT, evaluation),
    }
    return [folder / name for name, drawn in plots.items() if drawn]


def _roc(path: Path, evaluation: Evaluation) -> bool:
    # Nothing is left of the first stranger on a logarithmic axis.
    points = [point for point in evaluation.verification.roc if point[0] > 0]
    draw_lines(
        path,
        f"Verification, {evaluation.pairs:,} pairs of LFW",
        Axis("share of strangers accepted (FAR)", log=True),
        Axis("share of true pairs accepted (TAR)", low=min(0.9, points[0][1]) if points else 0, high=1.005),
        [Series(evaluation.pipeline, [far for far, _ in points], [tar for _, tar in points])],
    )
    return True


def _reliability(path: Path, evaluation: Evaluation) -> bool:
    found = evaluation.calibration
    if found is None or not found.bins:
        return False
    draw_lines(
        path,
        f"Calibration, {found.held_out_pairs:,} held-out pairs",
        Axis("promised probability of the same person", low=0, high=1),
        Axis("share that is the same person", low=-0.02, high=1.02),
        [
            Series("as promised", [0, 1], [0, 1], "dashed"),
            Series(
                "found, with the number of pairs",
                [one.promised for one in found.bins],
                [one.came_true for one in found.bins],
                "dots",
                tuple(f"{one.pairs:,}" for one in found.bins),
            ),
        ],
    )
    return True


def _annoy(path: Path, evaluation: Evaluation) -> bool:
    sweep = evaluation.annoy
    if sweep is None:
        return False
    series = []
    for trees in sorted({point.trees for point in sweep.points}):
        points = [point for point in sweep.points if point.trees == trees]
        series.append(
            Series(
                f"{trees} trees",
                [point.median_ms for point in points],
                [point.recall_at_10 for point in points],
                "both",
            )
        )
    lowest = min(point.recall_at_10 for point in sweep.points)
    exact = Series("exact", [sweep.exact_ms, sweep.exact_ms], [lowest, 1], "dashed")
    draw_lines(
        path,
        f"Annoy over {sweep.photos:,} photos; along a line search_k grows",
        Axis("median of one query, ms", log=True),
        Axis("recall@10", high=1.005),
        [*series, exact],
    )
    return True


def _study(path: Path, evaluation: Evaluation) -> bool:
    found = {}
    for row in evaluation.study.rows if evaluation.study else ():
        if row.figures is not None:
            found[row.embedder, row.crop] = row.figures.precision_at_1
    embedders = list(dict.fromkeys(embedder for embedder, _ in found))
    if not embedders:
        return False
    draw_bars(
        path,
        "The same person first, by network and by what it is shown",
        Axis("share of photos (P@1)"),
        embedders,
        [(CROP_NAMES[crop], [found.get((one, crop), 0.0) for one in embedders]) for crop in CROPS],
        stacked=False,
    )
    return True
