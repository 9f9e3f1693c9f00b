"""`rvs calibrate`: fit what distances mean, on people who are in none of the folds it then reports on."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rvs.cli.terminal import IndexOption, JsonOption, out, print_json
from rvs.engine import lfw_pairs
from rvs.evaluation.calibration import CalibrationCheck, check_calibration, fit_apart, held_out_pairs
from rvs.gallery.store import Store
from rvs.gallery.version import open_version
from rvs.scoring import CALIBRATIONS, calibration_file
from rvs.settings import load_settings
from rvs.whole_files import write_whole


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
    pairs = held_out_pairs(lfw_pairs(settings))
    fitted = fit_apart(version, pairs)
    check = check_calibration(version, pairs, fitted)
    path = output or CALIBRATIONS / calibration_file(fitted.pipeline)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, fitted.to_json().encode())
    if as_json:
        print_json({"pipeline": fitted.pipeline} | _flat(check))
        return
    console = out()
    console.print(
        f"{fitted.pipeline}: fitted on {check.stranger_pairs:,} pairs of strangers and {check.genuine_pairs:,} "
        "of one person.",
        soft_wrap=True,
    )
    for line in calibration_lines(check):
        console.print(line, soft_wrap=True)
    console.print(f"Written to {path}.", soft_wrap=True)


def calibration_lines(check: CalibrationCheck) -> list[str]:
    """What a check found, in words."""
    lines = []
    if check.expected_calibration_error is not None and check.brier_score is not None:
        lines.append(
            f"probability, {check.held_out_pairs:,} held-out pairs: expected calibration error "
            f"{check.expected_calibration_error:.4f}, Brier score {check.brier_score:.4f}"
        )
    if check.percentiles:
        found = ", ".join(f"{one.found:.2%} above the {one.percentile:g}th" for one in check.percentiles)
        lines.append(f"percentile, {check.held_out_strangers:,} held-out pairs of strangers: {found}")
    return lines


def _flat(check: CalibrationCheck) -> dict[str, Any]:
    error, brier = check.expected_calibration_error, check.brier_score
    return {
        "stranger_pairs": check.stranger_pairs,
        "genuine_pairs": check.genuine_pairs,
        "held_out_pairs": check.held_out_pairs,
        "expected_calibration_error": None if error is None else round(error, 5),
        "brier_score": None if brier is None else round(brier, 5),
        "held_out_strangers": check.held_out_strangers,
    } | {
        f"strangers_closer_than_percentile_{one.percentile:g}".replace(".", "_"): round(one.found, 5)
        for one in check.percentiles
    }
