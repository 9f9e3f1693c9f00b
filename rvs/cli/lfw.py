"""`rvs lfw`: fetch the LFW photos, and check that they are all there."""

from pathlib import Path
from typing import Annotated

import typer

from rvs.cli.terminal import JsonOption, out, print_json, progress_bar
from rvs.errors import GalleryCorruptError, GalleryMissingError
from rvs.gallery.lfw import check_lfw, find_lfw
from rvs.gallery.lfw_fetch import fetch_lfw
from rvs.settings import load_settings

app = typer.Typer(help="Labeled Faces in the Wild: 13,233 photos of 5,749 people.", no_args_is_help=True)


@app.command()
def fetch(
    mirror: Annotated[
        str | None, typer.Option(help="Base address of a mirror that has the same files.")
    ] = None,
) -> None:
    """Download LFW (about 240 MB) and unpack it; what is there already is kept."""
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        root = fetch_lfw(settings.data_dir, mirror=mirror, progress=progress)
    out().print(f"LFW is in {root}.", soft_wrap=True)


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="LFW's folder. [default: where it was fetched to]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Are all photos there, and none of them cut short?"""
    settings = load_settings()
    root = folder or find_lfw(settings.lfw_dir, settings.data_dir)
    if root is None:
        raise GalleryMissingError(
            "LFW is not on this machine.", hint="Fetch it with `rvs lfw fetch`, or set RVS_LFW_DIR."
        )
    report = check_lfw(root)
    if as_json:
        print_json(
            {
                "folder": str(root),
                "people": report.people,
                "photos": report.photos,
                "complete": report.complete,
                "problems": list(report.problems),
            }
        )
    else:
        state = "complete" if report.complete else "not complete"
        out().print(f"{root}: {report.photos:,} photos of {report.people:,} people, {state}.", soft_wrap=True)
        for problem in report.problems:
            out().print(f"  {problem}", soft_wrap=True, markup=False)
    if not report.complete:
        raise GalleryCorruptError(
            f"{report.problem_count:,} problems were found in {root}.",
            hint="Fetch it again with `rvs lfw fetch`.",
        )
