"""All figures of one index over LFW, measured one after the other."""

from collections.abc import Mapping, Sequence

import numpy as np

from rvs.evaluation.calibration import CalibrationCheck, check_calibration, fit_apart, held_out_pairs
from rvs.evaluation.coverage import coverage_of
from rvs.evaluation.detection import centre_faces
from rvs.evaluation.document import Evaluation
from rvs.evaluation.machine import this_machine
from rvs.evaluation.neighbours import compare_neighbours
from rvs.evaluation.pairs import pair_distances
from rvs.evaluation.retrieval import rank_probes, retrieval_of
from rvs.evaluation.subgroups import measure_subgroups
from rvs.evaluation.verification import verify
from rvs.gallery.lfw import Pair
from rvs.gallery.version import Version
from rvs.scoring import packaged_calibration

_MOST_PROBES = 5000  # 50,000 neighbours tell recall to a ten-thousandth


def evaluate_version(
    index: str,
    version: Version,
    pairs: Sequence[Pair],
    attributes: Mapping[str, Mapping[str, float]] | None,
    workers: int,
) -> Evaluation:
    """Measure an index over LFW; without the sweep over Annoy and the study, which are made apart.

    Args:
        index: its name.
        version: the version in use.
        pairs: LFW's pairs.
        attributes: LFW's attribute labels, where they are at hand.
        workers: threads.

    Raises:
        GalleryMismatchError: the index is not over LFW.
    """
    distances, same = pair_distances(version, pairs)
    ranks = rank_probes(version.vectors, version.person_of)
    manifest = version.manifest
    return Evaluation(
        index=index,
        version=manifest.version,
        pipeline=manifest.pipeline,
        runtime=manifest.runtime,
        precision=manifest.precision,
        dimension=manifest.dimension,
        machine=this_machine(),
        pairs=len(pairs),
        verification=verify(distances, same, np.array([pair.fold for pair in pairs])),
        identification=retrieval_of(ranks),
        detection=centre_faces(version),
        calibration=_calibration(version, held_out_pairs(pairs)),
        neighbours=compare_neighbours(version, _MOST_PROBES, workers),
        annoy=None,
        coverage=coverage_of(version),
        subgroups=measure_subgroups(version, ranks, attributes),
        study=None,
    )


def _calibration(version: Version, held_out: Sequence[Pair]) -> CalibrationCheck | None:
    if not held_out:
        return None
    calibration = packaged_calibration(version.manifest.pipeline) or fit_apart(version, held_out)
    return check_calibration(version, held_out, calibration)
