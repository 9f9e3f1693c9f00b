"""`rvs calibrate`: fit what distances mean, on people who are in none of the folds it then reports on."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from rvs.cli.terminal import IndexOption, JsonOption, out, print_json
from rvs.engine import lfw_pairs
from rvs.evaluation.pairs import pair_distances
from rvs.gallery.store import Store
from rvs.gallery.version import open_version
from rvs.scoring import (
    CALIBRATIONS,
    calibration_file,
    expected_calibration_error,
    fit_calibration,
    percentile,
    probability,
)
from rvs.settings import load_settings
from rvs.whole_files import write_whole

# Folds 6-10 of LFW's ten are for the report. Everybody else is for the fit: the people of folds 1-5, and
# those who are in no fold.
_REPORTED_FOLDS = range(5, 10)


def calibrate(
    index: IndexOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write. [default: the package]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the percentile and the probability for the pipeline of an index over LFW."""
    settings = load_settings(index=index)
    version = open_version(Store(settings.index_dir / settings.index).current())
    pairs = [pair for pair in lfw_pairs(settings) if pair.fold in _REPORTED_FOLDS]
    tested = {file.split("/")[0] for pair in pairs for file in (pair.first, pair.second)}
    free = np.array([photo.file.split("/")[0] not in tested for photo in version.photos])
    name = version.manifest.pipeline
    source = "LFW, deep-funneled: people who are in none of the pairs of folds 6-10"
    fitted = fit_calibration(name, version.vectors[free], version.person_of[free], source=source)

    distances, same = pair_distances(version, pairs)
    promised = np.array([probability(fitted, distance) for distance in distances], np.float64)
    # A percentile is right when as many strangers are closer as it says.
    said = np.array([percentile(fitted, distance) for distance in distances[~same]])
    report = {
        "pipeline": name,
        "stranger_pairs": fitted.stranger_pairs,
        "genuine_pairs": fitted.genuine_pairs,
        "held_out_pairs": len(pairs),
        "expected_calibration_error": round(expected_calibration_error(promised, same), 5),
        "brier_score": round(float(np.mean((promised - same) ** 2)), 5),
        "strangers_closer_than_percentile_90": round(float(np.mean(said > 90)), 4),
        "strangers_closer_than_percentile_99": round(float(np.mean(said > 99)), 4),
    }
    path = output or CALIBRATIONS / calibration_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, fitted.to_json().encode())
    if as_json:
        print_json(report)
        return
    console = out()
    console.print(
        f"{name}: fitted on {fitted.stranger_pairs:,} pairs of strangers and {fitted.genuine_pairs:,} of one person.",
        soft_wrap=True,
    )
    console.print(
        f"On {len(pairs):,} held-out pairs (folds 6-10): expected calibration error "
        f"{report['expected_calibration_error']:.4f}, Brier score {report['brier_score']:.4f}.",
        soft_wrap=True,
    )
    console.print(
        f"Strangers above the 90th percentile: {report['strangers_closer_than_percentile_90']:.1%} (10 % promised); "
        f"above the 99th: {report['strangers_closer_than_percentile_99']:.1%} (1 %).",
        soft_wrap=True,
    )
    console.print(f"Written to {path}.", soft_wrap=True)
