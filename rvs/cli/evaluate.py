"""`rvs eval`: how good the index in use is."""

import numpy as np

from rvs.cli.terminal import IndexOption, JsonOption, out, print_json
from rvs.engine import lfw_pairs
from rvs.evaluation.pairs import pair_distances
from rvs.evaluation.retrieval import leave_one_out
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
