"""`rvs index list`, `activate`, `rollback` and `prune`: the versions of an index, and which of them is in use."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from rvs.cli.published import published_json
from rvs.cli.terminal import IndexOption, JsonOption, err, out, print_json
from rvs.errors import GalleryError
from rvs.gallery.in_use import is_held
from rvs.gallery.publication import ENGINES, read_record
from rvs.gallery.store import Store, stores
from rvs.gallery.version import Manifest, read_manifest
from rvs.pipeline import parse_pipeline
from rvs.searching import store_for
from rvs.settings import Settings, load_settings


def list_versions(as_json: JsonOption = False) -> None:
    """Every index and its versions: which is in use, which was before, and which a running process holds."""
    settings = load_settings()
    rows = [row for store in stores(settings.index_dir) for row in _rows(store)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        err().print(f"There is no index in {settings.index_dir}. Build one with `rvs index build`.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    on_servers = any(row.get("published") for row in rows)
    titles = ["", "index", "version", "pipeline", "people", "photos", "recall@10", "MB"]
    for title in titles + ["on"] * on_servers:
        table.add_column(title, no_wrap=not title, overflow="fold")
    for row in rows:
        words = {"in_use": "in use", "previous": "previous", "held": "held"}
        mark = ", ".join(word for key, word in words.items() if row[key])
        details = (
            [Text(row["error"], style="red")]
            if "error" in row
            else [
                row["pipeline"],
                f"{row['people']:,}",
                f"{row['photos']:,}",
                f"{row['recall_at_10']:.4f}",
                str(row["megabytes"]),
                ", ".join(row["published"]),
            ][: 5 + on_servers]
        )
        table.add_row(mark, row["index"], row["version"], *details)
    out().print(table)


def activate(
    version: Annotated[str, typer.Argument(help="Its name, from `rvs index list`.")],
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a version into use, once every file of it has been checked; running bots follow."""
    settings = load_settings(index=index)
    store = _store(settings)
    before = _current(store)
    store.activate(version)
    if as_json:
        print_json({"index": settings.index, "version": version, "before": before})
        return
    again = "still" if before == version else "now"
    _say(store, f"{again} in use", settings)


def rollback(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Take into use again what was in use before; once more goes further back."""
    settings = load_settings(index=index)
    store = _store(settings)
    before = _current(store)
    version = store.roll_back()
    if as_json:
        print_json({"index": settings.index, "version": version, "before": before})
        return
    _say(store, f"in use again, instead of {before}" if before else "in use again", settings)
    try:
        further = f"Another rollback goes to {store.previous().name}."
    except GalleryError:
        further = "There is nothing before it to go back to."
    out().print(further, soft_wrap=True)


def prune(
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            min=0,
            help="How many to leave besides the one in use. [default: RVS_KEEP_VERSIONS or 3]",
        ),
    ] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove old versions; never the one in use, nor one that a running process holds, nor a build."""
    settings = load_settings(index=index, keep_versions=keep or None)
    store = _store(settings)
    pruned = store.prune(settings.keep_versions if keep is None else keep)
    kept = [folder for folder, _ in store.versions()]
    if as_json:
        print_json(
            {
                "index": settings.index,
                "removed": pruned.removed,
                "kept": [folder.name for folder in kept],
                "erased": pruned.erased,
            }
        )
        return
    console = out()
    console.print(
        f"{_versions(len(pruned.removed))} of {settings.index} removed, {len(kept)} left."
        if pruned.removed
        else f"Nothing to remove: {settings.index} has {_versions(len(kept)).lower()}.",
        soft_wrap=True,
    )
    for name in pruned.removed:
        console.print(f"  {name}")
    if pruned.erased:
        vectors = "One vector" if pruned.erased == 1 else f"{pruned.erased:,} vectors"
        console.print(f"{vectors} that no version has any more erased on the server.", soft_wrap=True)


def _rows(store: Store) -> list[dict[str, Any]]:
    current = _current(store)
    try:
        previous = store.previous().name
    except GalleryError:
        previous = ""
    rows = []
    for folder, found in store.versions():
        row: dict[str, Any] = {
            "index": store.folder.name,
            "version": folder.name,
            "in_use": folder.name == current,
            "previous": folder.name == previous,
            "held": is_held(folder),
        }
        if isinstance(found, Manifest):
            row |= {
                "pipeline": found.pipeline,
                "precision": found.precision,
                "people": found.people,
                "photos": found.photos,
                "recall_at_10": found.forest.recall_at_10,
                "published": _published(folder),
                "megabytes": round(sum(file.bytes for file in found.files.values()) / 1e6, 1),
            }
        else:
            row["error"] = found.message
        rows.append(row)
    return rows


def _published(folder: Path) -> dict[str, Any]:
    """By kind of server, what a version has there; the servers are not asked."""
    found: dict[str, Any] = {}
    for engine in ENGINES:
        try:
            done = read_record(folder, engine).published
        except GalleryError as error:
            found[engine] = {"error": error.message}
            continue
        if done is not None:
            found[engine] = published_json(done)
    return found


def _say(store: Store, what: str, settings: Settings) -> None:
    folder = store.current()
    manifest = read_manifest(folder)
    out().print(
        f"{folder.name} is {what}: {manifest.photos:,} photos of {manifest.people:,} people.",
        soft_wrap=True,
    )
    if manifest.pipeline != str(parse_pipeline(settings.pipeline)):
        # Not refused: the bot that asks it may have another environment than this shell.
        err().print(f"It answers to the pipeline {manifest.pipeline} only.", soft_wrap=True)


def _store(settings: Settings) -> Store:
    return store_for(settings)


def _current(store: Store) -> str:
    try:
        return store.current().name
    except GalleryError:
        return ""


def _versions(count: int) -> str:
    return "One version" if count == 1 else f"{count} versions"
