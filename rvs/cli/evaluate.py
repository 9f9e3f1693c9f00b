"""`rvs eval` and `rvs bench`: how good the index in use is, and how fast the engine answers."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from rvs.cli.terminal import IndexOption, JsonOption, PipelineOption, out, print_json
from rvs.engine import gallery_photos, lfw_pairs, load_engine
from rvs.evaluation.pairs import pair_distances
from rvs.evaluation.retrieval import leave_one_out
from rvs.evaluation.speed import measure_query
from rvs.evaluation.verification import verify
from rvs.gallery.store import Store
from rvs.gallery.version import open_version
from rvs.settings import load_settings
from rvs.vectors.annoy_index import recall_at_k
from rvs.vectors.exact_index import ExactIndex


def evaluate(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Accuracy of an index over LFW: verification, identification, and the recall of Annoy."""
    settings = load_settings(index=index)
    version = open_version(Store(settings.index_dir / settings.index).current())
    pairs = lfw_pairs(settings)
    distances, same = pair_distances(version, pairs)
    verification = verify(distances, same, np.array([pair.fold for pair in pairs]))
    retrieval = leave_one_out(version.vectors, version.person_of)
    vectors = np.asarray(version.vectors, np.float32)
    # One more than ten: every photo finds itself first.
    truth, _ = ExactIndex(vectors).search(vectors, 11)
    found, _ = version.index("annoy").search(vectors, 11)
    document = {
        "index": settings.index,
        "version": version.manifest.version,
        "pipeline": version.manifest.pipeline,
        "precision": version.manifest.precision,
        "pairs": len(pairs),
        "accuracy": round(verification.accuracy, 5),
        "accuracy_sd": round(verification.accuracy_sd, 5),
        "auc": round(verification.auc, 6),
        "tar_at_far_1e3": round(verification.tar_at_far_1e3, 5),
        "threshold": round(verification.threshold, 4),
        "probes": retrieval.probes,
        "precision_at_1": round(retrieval.precision_at_1, 5),
        "hit_at_5": round(retrieval.hit_at_5, 5),
        "mean_average_precision": round(retrieval.mean_average_precision, 5),
        "annoy_recall_at_10": round(recall_at_k(found, truth), 5),
    }
    if as_json:
        print_json(document)
        return
    console = out()
    console.print(
        f"{version.manifest.pipeline}, {version.manifest.precision}, index {version.manifest.version}",
        soft_wrap=True,
    )
    console.print(
        f"verification, {len(pairs):,} pairs: {verification.accuracy:.2%} ± {verification.accuracy_sd:.2%}, "
        f"AUC {verification.auc:.5f}, TAR at FAR 1e-3 {verification.tar_at_far_1e3:.3f}",
        soft_wrap=True,
    )
    console.print(
        f"identification, {retrieval.probes:,} probes: P@1 {retrieval.precision_at_1:.4f}, "
        f"hit@5 {retrieval.hit_at_5:.4f}, mAP {retrieval.mean_average_precision:.4f}",
        soft_wrap=True,
    )
    console.print(
        f"Annoy with exact re-ranking, all {len(vectors):,} photos: recall@10 {document['annoy_recall_at_10']:.4f}",
        soft_wrap=True,
    )


def bench(
    photo: Annotated[Path, typer.Argument(help="The photo to ask with.")],
    repeat: Annotated[int, typer.Option(min=1, max=10_000, help="How many times.")] = 50,
    index: IndexOption = None,
    pipeline: PipelineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Milliseconds from a photo's bytes to the grid's bytes, stage by stage, warm."""
    settings = load_settings(index=index, pipeline=pipeline)
    engine = load_engine(settings)
    speed = measure_query(
        engine,
        photo.read_bytes(),
        settings.photo_limits(),
        gallery_photos(settings).load,
        settings.people,
        repeat,
    )
    if as_json:
        print_json(
            {stage: {"median_ms": round(m, 2), "p95_ms": round(p, 2)} for stage, (m, p) in speed.items()}
        )
        return
    options = settings.inference_options()
    table = Table(
        box=None, padding=(0, 2, 0, 0), header_style="dim", title=f"{options.runtime} {options.precision}"
    )
    for title in ("stage", "median ms", "p95 ms"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    for stage, (median, p95) in speed.items():
        table.add_row(stage, f"{median:.1f}", f"{p95:.1f}")
    out().print(table)
