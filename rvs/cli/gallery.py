"""`rvs gallery`: add and remove people and photos of a gallery of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from rvs.cli.terminal import IndexOption, JsonOption, PipelineOption, out, print_json
from rvs.engine import LFW, gallery_photos, load_settings_pipeline
from rvs.errors import ConfigError, GalleryMissingError
from rvs.gallery.members import add_photos, remove_person
from rvs.settings import Settings, load_settings

app = typer.Typer(help="Add and remove people of a gallery of your own.", no_args_is_help=True)

_GalleryOption = Annotated[
    Path | None,
    typer.Option("--gallery", help="Its folder. [default: what the index in use was built from]"),
]


@app.command()
def add(
    person: Annotated[str, typer.Argument(help='The name, such as "Ada Lovelace".')],
    photos: Annotated[list[Path], typer.Argument(help="Photos that show this person's face.")],
    gallery: _GalleryOption = None,
    index: IndexOption = None,
    pipeline: PipelineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy photos of a person into the gallery: all of them, or none when one cannot be used."""
    settings = load_settings(index=index, pipeline=pipeline)
    root = _root(gallery, settings)
    added = add_photos(root, person, photos, load_settings_pipeline(settings), settings.photo_limits())
    if as_json:
        print_json(
            {
                "gallery": str(root),
                "person": added.person,
                "added": list(added.files),
                "known": [str(path) for path in added.known],
                "crowded": list(added.crowded),
            }
        )
        return
    console = out()
    console.print(
        f"{_photos(len(added.files))} of {added.person} added to {root}.", soft_wrap=True, markup=False
    )
    for file in added.files:
        note = " (several faces; the largest will count)" if file in added.crowded else ""
        console.print(f"  {file}{note}", soft_wrap=True, markup=False)
    for path in added.known:
        console.print(f"  {path} was there already.", soft_wrap=True, markup=False)
    if added.files:
        console.print(_then(gallery, root, settings), soft_wrap=True, markup=False)


@app.command()
def remove(
    person: Annotated[str, typer.Argument(help="The name, as `rvs find` prints it or as the folder has it.")],
    gallery: _GalleryOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a person with all photos from the gallery, and so from every index built from now on."""
    settings = load_settings(index=index)
    root = _root(gallery, settings)
    count = remove_person(root, person)
    if as_json:
        print_json({"gallery": str(root), "person": person, "removed": count})
        return
    console = out()
    console.print(
        f"{person} is removed from {root}, with {_photos(count).lower()}.", soft_wrap=True, markup=False
    )
    console.print(_then(gallery, root, settings), soft_wrap=True, markup=False)
    console.print(
        "Versions built before still have this person; then remove them: rvs index prune --keep 0",
        soft_wrap=True,
    )


def _root(gallery: Path | None, settings: Settings) -> Path:
    if gallery is not None:
        return gallery
    if settings.index == LFW:
        raise ConfigError(
            "The index in use is that of LFW, whose photos stay as they are.",
            hint="Name your gallery with --gallery FOLDER, or its index with --index NAME.",
        )
    root = gallery_photos(settings).root
    if root is None:
        raise GalleryMissingError(
            f"The photos of the index {settings.index} are not on this machine.",
            hint="Name the gallery with --gallery FOLDER.",
        )
    return root


def _then(gallery: Path | None, root: Path, settings: Settings) -> str:
    name = "" if settings.index == LFW else f" --index {settings.index}"
    return f"Build the index for it to count: rvs index build --gallery {gallery or root}{name}"


def _photos(count: int) -> str:
    return "One photo" if count == 1 else f"{count or 'No'} photos"
