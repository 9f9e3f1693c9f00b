"""What `rvs eval` prints for people: the figures of an evaluation, a line each, and the study as a table."""

from collections.abc import Iterator
from typing import Literal

from rich.table import Table

from rvs.cli.calibrate import calibration_lines
from rvs.evaluation.document import Evaluation
from rvs.evaluation.eval_plots import CROP_NAMES
from rvs.evaluation.study import Study


def eval_lines(one: Evaluation) -> Iterator[str]:
    """The figures in words."""
    verification, found, people = one.verification, one.identification, one.identification.by_person
    yield f"{one.pipeline}, {one.precision}, index {one.version}"
    yield (
        f"verification, {one.pairs:,} pairs: {verification.accuracy:.2%} ± {verification.accuracy_sd:.2%}, "
        f"AUC {verification.auc:.5f}, TAR {verification.tar_at_far_1e2:.3f} at FAR 1e-2, "
        f"{verification.tar_at_far_1e3:.3f} at FAR 1e-3"
    )
    yield (
        f"identification, {found.probes:,} probes: P@1 {found.precision_at_1:.4f}, hit@5 {found.hit_at_5:.4f}, "
        f"P@5 {found.precision_at_5:.4f} of at most {found.best_precision_at_5:.4f}, "
        f"mAP {found.mean_average_precision:.4f}"
    )
    yield (
        f"  each person once: P@1 {people.precision_at_1:.4f}, hit@5 {people.hit_at_5:.4f}, "
        f"mean reciprocal rank {people.mean_reciprocal_rank:.4f}"
    )
    if one.detection is not None:
        yield (
            f"detection: the face at the centre found in {one.detection.found:.2%} of {one.detection.photos:,} photos"
        )
        yield from (f"  missed {missed.file}: {missed.reason}" for missed in one.detection.missed[:10])
        if len(one.detection.missed) > 10:
            yield f"  and {len(one.detection.missed) - 10:,} more, all with --json"
    if one.calibration is not None:
        yield from calibration_lines(one.calibration)
    near = one.neighbours
    yield (
        f"Annoy with exact re-ranking, {near.probes:,} photos: recall@10 {near.recall_at_10:.4f}, "
        f"{near.annoy_ms:.2f} ms a query; exact search {near.exact_ms:.2f} ms"
    )
    if one.annoy is not None:
        enough = [point for point in one.annoy.points if point.recall_at_10 >= 0.999]
        best = min(enough, key=lambda point: point.median_ms, default=None)
        if best is not None:
            yield (
                f"  the fastest with recall@10 from 0.999: {best.trees} trees, search_k {best.search_k:,}, "
                f"{best.median_ms:.2f} ms"
            )
    worst = min(
        (group for group in one.subgroups.groups if group.precision_at_1 is not None),
        key=lambda group: group.precision_at_1.share if group.precision_at_1 else 1.0,
        default=None,
    )
    if worst is not None and worst.precision_at_1 is not None:
        share = worst.precision_at_1
        yield (
            f"where it works least, {worst.sort} {worst.name}: P@1 {share.share:.3f} "
            f"({share.low:.3f}-{share.high:.3f}, {share.of:,} probes)"
        )
    if one.subgroups.labelled is None:
        yield "  not by sex, skin colour or age: LFW's attribute labels were not given (--attributes)"


def study_table(study: Study) -> Table:
    """The study's rows, within 80 characters."""
    table = Table(
        box=None,
        padding=(0, 1, 0, 0),
        header_style="dim",
        caption="times in ms; * with random weights",
        caption_justify="left",
    )
    for title in ("network", "shown", "accuracy", "P@1", "mAP", "detect", "embed", "exact", "Annoy"):
        side: Literal["left", "right"] = "left" if title in ("network", "shown") else "right"
        table.add_column(title, justify=side, no_wrap=True)
    for row in study.rows:
        found = row.figures
        if found is None:
            random = "" if row.random_embed_ms is None else f"{row.random_embed_ms:.1f}*"
            table.add_row(row.embedder, CROP_NAMES[row.crop], "no weights", "", "", "", random)
            continue
        table.add_row(
            row.embedder,
            CROP_NAMES[row.crop],
            "" if found.accuracy is None else f"{found.accuracy:.2%}",
            f"{found.precision_at_1:.4f}",
            f"{found.mean_average_precision:.4f}",
            "" if found.times.detect_ms is None else f"{found.times.detect_ms:.1f}",
            f"{found.times.embed_ms:.1f}",
            f"{found.neighbours.exact_ms:.2f}",
            f"{found.neighbours.annoy_ms:.2f}",
        )
    return table
