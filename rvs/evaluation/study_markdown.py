"""The report's section about the study's experiment: one table over all pipelines."""

from rvs.evaluation.eval_plots import CROP_NAMES, STUDY_PLOT
from rvs.evaluation.machine import in_words
from rvs.evaluation.markdown_table import megabytes, percent, table
from rvs.evaluation.study import Study, StudyRow
from rvs.pipeline import DEFAULT_PIPELINE

_TITLES = (
    "network", "shown", "verification", "P@1", "mAP", "detect ms", "embed ms", "numbers", "index", "exact ms",
    "Annoy ms", "Annoy recall@10",
)  # fmt: skip


def study_section(study: Study | None) -> list[str]:
    """The table, how to read it, and its plot; nothing where there is no study."""
    if study is None:
        return []
    lines = [
        "## The study's experiment: which network, shown what?",
        "",
        "The study that this began with searched LFW with networks that were trained on ImageNet's objects. Here "
        "they are with the network that was trained on faces, each shown the whole photo, the box of the face, and "
        "the face turned and scaled onto a template. Every row is an index of its own over the same photos "
        "(`rvs find --index ... --pipeline ...` asks it).",
        "",
        *table(_TITLES, [_row(row) for row in study.rows]),
        "",
        "Verification: LFW's ten folds, ± standard deviation. P@1 and mAP: leave one out. Detect and embed: "
        "milliseconds for a photo when many are computed side by side, as a build does. Exact and Annoy: one query.",
        "",
        *_compared(study),
        f"Measured on: {in_words(study.machine)}.",
    ]
    if any(row.figures is not None for row in study.rows):
        lines += ["", f"![P@1 by network and crop]({STUDY_PLOT})"]
    return lines


def _row(row: StudyRow) -> tuple[str, ...]:
    name = (row.embedder, CROP_NAMES[row.crop])
    found = row.figures
    if found is None:
        random = "" if row.random_embed_ms is None else f"{row.random_embed_ms:.1f} (random weights)"
        return (*name, "weights not on this machine", "", "", "", random, str(row.dimension), "", "", "", "")
    accuracy = "-"
    if found.accuracy is not None and found.accuracy_sd is not None:
        accuracy = f"{percent(found.accuracy)} ± {percent(found.accuracy_sd)}"
    detect = "" if found.times.detect_ms is None else f"{found.times.detect_ms:.1f}"
    return (
        *name,
        accuracy,
        f"{found.precision_at_1:.4f}",
        f"{found.mean_average_precision:.4f}",
        detect,
        f"{found.times.embed_ms:.1f}",
        str(row.dimension),
        megabytes(found.index_bytes),
        f"{found.neighbours.exact_ms:.2f}",
        f"{found.neighbours.annoy_ms:.2f}",
        f"{found.neighbours.recall_at_10:.4f}",
    )


def _compared(study: Study) -> list[str]:
    """The best network trained on objects beside the default pipeline, where both are there."""
    found = [(row.figures.precision_at_1, row) for row in study.rows if row.figures is not None]
    objects = [pair for pair in found if pair[1].embedder != "face-resnet"]
    ours = next((first for first, row in found if row.pipeline == DEFAULT_PIPELINE), None)
    if not objects or ours is None:
        return []
    first, best = max(objects, key=lambda pair: pair[0])
    return [
        f"Of the networks trained on objects, `{best.embedder}` on the {CROP_NAMES[best.crop]} does best: the same "
        f"person first for {percent(first, 1)} of the photos. The default pipeline does for {percent(ours, 1)}.",
        "",
    ]
