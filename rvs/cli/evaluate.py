"""`rvs eval`: how good an index over LFW is."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rvs.arrays import Pixels
from rvs.cli.eval_lines import eval_lines, study_table
from rvs.cli.study import parse_weights, run_study
from rvs.cli.terminal import IndexOption, JsonOption, err, out, print_json
from rvs.engine import gallery_photos, lfw_pairs, lfw_photos
from rvs.errors import ConfigError, GalleryMissingError, LookalikeError
from rvs.evaluation.annoy_sweep import sweep_annoy
from rvs.evaluation.contact_sheet import write_sheets
from rvs.evaluation.document import Evaluation, to_document
from rvs.evaluation.eval_report import earlier_study, write_report
from rvs.evaluation.lfw_attributes import read_attributes
from rvs.evaluation.measure import evaluate_version
from rvs.evaluation.retrieval import rank_probes
from rvs.evaluation.sheets import miss_sheet, retrieval_sheets
from rvs.gallery.store import Store
from rvs.gallery.version import Version
from rvs.photo import read_photo
from rvs.settings import Settings, load_settings


def evaluate(
    index: IndexOption = None,
    study: Annotated[
        bool,
        typer.Option("--study", help="Also the study's experiment: every network over every crop (long)."),
    ] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights", metavar="NAME=PATH", help="Weight file of a network, for --study; repeatable."
        ),
    ] = None,
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="For --study: time networks without weights with random ones."),
    ] = False,
    annoy: Annotated[
        bool, typer.Option("--annoy", help="Also what Annoy's trees and search_k do; --report includes it.")
    ] = False,
    attributes: Annotated[
        Path | None, typer.Option(help="LFW's lfw_attributes.txt, for figures by sex, origin and age.")
    ] = None,
    sheets: Annotated[
        Path | None,
        typer.Option(help="Folder for contact sheets of the best and worst; they hold photos of LFW."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for evaluation.json, evaluation.md and plots.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How good an index over LFW is: verification, identification, detection, calibration, search, for whom."""
    if (weights or random_weights) and not study:
        raise ConfigError("--weights and --random-weights are for the study's networks.", hint="Add --study.")
    if sheets and report and sheets.resolve().is_relative_to(report.resolve()):
        raise ConfigError(
            "The contact sheets hold photos of LFW, and the report is there to be shown around.",
            hint="Name a folder outside the report's with --sheets.",
        )
    files = parse_weights(weights or ())
    settings = load_settings(index=index)
    labels = None if attributes is None else read_attributes(attributes)
    version = Store(settings.index_dir / settings.index).open_current()
    pairs = lfw_pairs(settings)
    root = lfw_photos(settings) if study else None
    photos = _sheet_photos(settings) if sheets else None
    before = earlier_study(report) if report else None
    workers = settings.inference_options().threads
    with err().status("measuring ..."):
        found = evaluate_version(settings.index, version, pairs, labels, workers)
        if annoy or report:
            found = replace(found, annoy=sweep_annoy(version.vectors))
    if sheets and photos:
        _write_sheets(sheets, photos, settings, version, found)
    if report:
        # Before the study, which takes long: what can fail here fails now.
        found = replace(found, study=before)
        write_report(report, found)
    if root:
        rows = run_study(settings, root, pairs, files, random_weights=random_weights)
        found = replace(found, study=rows)
        if report:
            write_report(report, found)
    if as_json:
        print_json(to_document(found))
        return
    for line in eval_lines(found):
        out().print(line, soft_wrap=True)
    if study and found.study:
        out().print(study_table(found.study))
    if report:
        out().print(f"The report is in {report}.", soft_wrap=True)


def _sheet_photos(settings: Settings) -> Path:
    root = gallery_photos(settings).root
    if root is None:
        raise GalleryMissingError(
            "The photos of this index are not on this machine, so there is nothing to put on a sheet.",
            hint="Fetch LFW with `rvs lfw fetch`, or set RVS_LFW_DIR.",
        )
    return root


def _write_sheets(folder: Path, root: Path, settings: Settings, version: Version, found: Evaluation) -> None:
    def load(file: str) -> Pixels | None:
        try:
            return read_photo(root / file, settings.photo_limits()).pixels
        except LookalikeError:
            return None

    missed = None if found.detection is None else miss_sheet(found.detection)
    ranks = rank_probes(version.vectors, version.person_of)
    drawn = [*retrieval_sheets(version, ranks), *([missed] if missed else [])]
    for path in write_sheets(folder, drawn, load):
        err().print(f"Written: {path}", soft_wrap=True)
