"""The report of `rvs eval` as Markdown: a pure function of its document, in plain sentences and tables.

It adds no figure of its own. The plots it points to are drawn by `eval_plots`.
"""

from rvs.evaluation.document import Evaluation
from rvs.evaluation.eval_plots import ANNOY_PLOT, RELIABILITY_PLOT, ROC_PLOT
from rvs.evaluation.machine import in_words
from rvs.evaluation.markdown_table import megabytes, percent, table
from rvs.evaluation.people_markdown import coverage_section, subgroups_section
from rvs.evaluation.study_markdown import study_section


def markdown(evaluation: Evaluation) -> str:
    """The whole report."""
    sections = [
        _head(evaluation),
        _verification(evaluation),
        _identification(evaluation),
        _detection(evaluation),
        _calibration(evaluation),
        _neighbours(evaluation),
        study_section(evaluation.study),
        coverage_section(evaluation.coverage),
        subgroups_section(evaluation.subgroups),
        _not_measured(evaluation),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _head(one: Evaluation) -> list[str]:
    return [
        "# How good it is",
        "",
        "Made by `rvs eval --report`; do not edit. The figures are in `evaluation.json`.",
        "",
        f"Index `{one.index}`, version `{one.version}`: {one.coverage.photos:,} photos of {one.coverage.people:,} "
        f"people of LFW, through `{one.pipeline}`, {one.dimension} numbers a face, computed in {one.precision} by "
        f"{one.runtime}.",
        "",
        f"Measured on: {in_words(one.machine)}.",
    ]


def _verification(one: Evaluation) -> list[str]:
    found = one.verification
    return [
        "## Verification: are two photos of one person?",
        "",
        f"LFW's protocol: {one.pairs:,} pairs, half of them of one person, in ten folds; the threshold of each "
        "fold is chosen on the other nine.",
        "",
        *table(
            ("what", "figure"),
            [
                (
                    "accuracy, ± standard deviation over the folds",
                    f"{percent(found.accuracy)} ± {percent(found.accuracy_sd)}",
                ),
                ("area under the ROC curve", f"{found.auc:.5f}"),
                (
                    "true pairs accepted where 1 in 100 strangers is (TAR at FAR 1e-2)",
                    percent(found.tar_at_far_1e2),
                ),
                (
                    "true pairs accepted where 1 in 1,000 strangers is (TAR at FAR 1e-3)",
                    percent(found.tar_at_far_1e3),
                ),
                ("threshold, as a distance; mean of the folds", f"{found.threshold:.4f}"),
            ],
        ),
        "",
        f"![ROC curve]({ROC_PLOT})",
    ]


def _identification(one: Evaluation) -> list[str]:
    found = one.identification
    people = found.by_person
    return [
        "## Identification: who is it?",
        "",
        f"Leave one out: each of the {found.probes:,} photos of people with two or more is searched among all other "
        "photos. By person: each person is listed once, by their nearest photo other than the probe.",
        "",
        *table(
            ("what", "photos", "by person"),
            [
                (
                    "the same person first (P@1)",
                    f"{found.precision_at_1:.4f}",
                    f"{people.precision_at_1:.4f}",
                ),
                ("among the first five (hit@5)", f"{found.hit_at_5:.4f}", f"{people.hit_at_5:.4f}"),
                ("share of the first five (P@5)", f"{found.precision_at_5:.4f}", ""),
                ("mean average precision (mAP)", f"{found.mean_average_precision:.4f}", ""),
                ("mean reciprocal rank", "", f"{people.mean_reciprocal_rank:.4f}"),
            ],
        ),
        "",
        f"P@5 can be {found.best_precision_at_5:.4f} at most, because most people have fewer than five other photos. "
        "LFW has people under two names, and photos under the wrong one; they count as mistakes here.",
    ]


def _detection(one: Evaluation) -> list[str]:
    found = one.detection
    if found is None:
        return []
    lines = [
        "## Detection: is the face found?",
        "",
        f"In {percent(found.found)} of {found.photos:,} photos a face was found that holds the photo's centre; "
        f"{len(found.missed):,} missed. LFW was itself collected with a face detector, one face in the middle of "
        "each photo, so this says little of photos that people send.",
    ]
    if found.missed:
        lines += ["", *(f"- `{missed.file}`: {missed.reason}" for missed in found.missed)]
    return lines


def _calibration(one: Evaluation) -> list[str]:
    found = one.calibration
    if found is None:
        return []
    lines = [
        "## Calibration: do the numbers mean what they say?",
        "",
        f"Fitted on {found.stranger_pairs:,} pairs of strangers and {found.genuine_pairs:,} of one person "
        f"({found.source}); held against the others.",
    ]
    if found.expected_calibration_error is not None and found.brier_score is not None:
        lines += [
            "",
            f"The probability, on {found.held_out_pairs:,} held-out pairs: expected calibration error "
            f"{found.expected_calibration_error:.4f}, Brier score {found.brier_score:.4f}.",
            "",
            *table(
                ("promised", "came true", "pairs"),
                [(f"{bin_.promised:.3f}", f"{bin_.came_true:.3f}", f"{bin_.pairs:,}") for bin_ in found.bins],
            ),
            "",
            f"![Reliability diagram]({RELIABILITY_PLOT})",
        ]
    if found.percentiles:
        lines += [
            "",
            f"The percentile, on {found.held_out_strangers:,} held-out pairs of strangers, one photo of each:",
            "",
            *table(
                ("percentile", "strangers beyond it", "promised"),
                [
                    (f"{check.percentile:g}", percent(check.found, 3), percent(check.promised, 3))
                    for check in found.percentiles
                ],
            ),
        ]
    return lines


def _neighbours(one: Evaluation) -> list[str]:
    found, sweep = one.neighbours, one.annoy
    lines = [
        "## Exact search and Annoy",
        "",
        *table(
            ("", "exact", "Annoy, ranked exactly"),
            [
                (f"recall@10, {found.probes:,} photos of the index", "1", f"{found.recall_at_10:.4f}"),
                ("recall@10, probes near a photo but none of them", "1", f"{found.recall_at_10_of_new:.4f}"),
                ("median of one query", f"{found.exact_ms:.2f} ms", f"{found.annoy_ms:.2f} ms"),
                ("on disk", megabytes(found.vectors_bytes), f"{megabytes(found.forest_bytes)} more"),
            ],
        ),
        "",
        f"{found.trees} trees, search_k {found.search_k:,}.",
    ]
    if sweep is not None:
        widths = sorted({point.search_k for point in sweep.points})
        rows = []
        for trees in sorted({point.trees for point in sweep.points}):
            points = {point.search_k: point for point in sweep.points if point.trees == trees}
            cells = [
                f"{points[width].recall_at_10:.4f}, {points[width].median_ms:.2f} ms"
                if width in points
                else ""
                for width in widths
            ]
            first = next(iter(points.values()))
            rows.append((str(trees), megabytes(first.forest_bytes), *cells))
        lines += [
            "",
            f"What the number of trees and search_k do: recall@10 and the median of one query, {sweep.probes:,} "
            f"probes near a photo. Exact search took {sweep.exact_ms:.2f} ms in the same run.",
            "",
            *table(("trees", "size", *(f"search_k {width:,}" for width in widths)), rows),
            "",
            f"![Recall against time of Annoy]({ANNOY_PLOT})",
        ]
    return lines


def _not_measured(one: Evaluation) -> list[str]:
    missing = [
        "The pipeline's variants (alignment, mirroring) were chosen on these very pairs, so the figures are a little "
        "too good.",
        "Everything is measured on LFW: press photos, one face in the middle, 250 pixels wide. Photos that people "
        "send are not measured.",
        "Whether a stranger's best match *looks* alike to people is not measured; no one has been asked.",
    ]
    if one.calibration is None:
        missing.append("Calibration: the pairs have no folds 6-10 to hold it against.")
    if one.subgroups.labelled is None:
        missing.append("Figures by sex, skin colour and age (see above).")
    if one.annoy is None:
        missing.append("The effect of Annoy's trees and search_k (`--annoy`).")
    if one.study is None:
        missing.append("The study's experiment (`--study`).")
    else:
        without = sorted({row.embedder for row in one.study.rows if row.figures is None})
        if without:
            missing.append(
                f"The study's rows of {', '.join(without)}: their weights were not on the machine."
            )
    return ["## What was not measured", "", *(f"- {sentence}" for sentence in missing)]
