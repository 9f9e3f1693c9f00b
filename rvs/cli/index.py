"""`rvs index`: build an index over a gallery, and check it; its versions are in `rvs.cli.versions`."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from rvs.cli import versions
from rvs.cli.build_lines import MISSES_TOLD, end_with_stdin, progress_lines, write_line
from rvs.cli.published import published_json, published_words
from rvs.cli.ray_build import work_on_ray
from rvs.cli.terminal import (
    DetectorWeightsOption,
    IndexOption,
    JsonOption,
    PipelineOption,
    WeightsOption,
    out,
    print_json,
    progress_bar,
)
from rvs.engine import LFW, lfw_photos, load_settings_pipeline, remember_gallery
from rvs.errors import ConfigError
from rvs.gallery.build import DEFAULT_TREES, Builder, BuildReport
from rvs.gallery.in_use import only_builder
from rvs.gallery.on_ray.gallery_files import local_folder
from rvs.gallery.publish import Publisher
from rvs.gallery.server_names import alias_of
from rvs.gallery.store import Store
from rvs.gallery.verify import check_recall, check_vectors, realistic_probes
from rvs.gallery.version import Version, open_version
from rvs.searching import publisher_for, store_for
from rvs.settings import load_settings

app = typer.Typer(
    help="Build and verify indexes of galleries; list, switch and prune their versions.", no_args_is_help=True
)

_MISSES_SHOWN = 20


@app.command()
def build(
    gallery: Annotated[
        str | None,
        typer.Option(
            "--gallery",
            help="Folder Person/photo.jpg; on Ray also a URL, s3://bucket/crew. [default: where LFW is]",
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option("--index", help="What to call it. [default: lfw, or the gallery folder's name]"),
    ] = None,
    pipeline: PipelineOption = None,
    weights: WeightsOption = None,
    detector_weights: DetectorWeightsOption = None,
    face: Annotated[
        Literal["centre", "largest"] | None,
        typer.Option(help="Which face of a photo counts. [default: centre for LFW, else largest]"),
    ] = None,
    trees: Annotated[int, typer.Option(min=1, max=1000, help="Trees of the Annoy forest.")] = DEFAULT_TREES,
    fresh: Annotated[bool, typer.Option("--fresh", help="Embed every photo again, changed or not.")] = False,
    misses: Annotated[
        Path | None, typer.Option(help="Write the photos that could not be used to this file.")
    ] = None,
    on: Annotated[
        Literal["ray"] | None,
        typer.Option(help="Embed on the machines of a Ray cluster (pip install lookalike[ray])."),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(help="Its head, host:port. [default: one is started, on this machine alone]"),
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL where its machines keep what is done until the index is there. "
            "[default: with the index]"
        ),
    ] = None,
    as_json: JsonOption = False,
    progress_json: Annotated[
        bool, typer.Option("--progress-json", help="Print progress and report as JSON, one object a line.")
    ] = False,
    until_stdin_closes: Annotated[bool, typer.Option("--until-stdin-closes", hidden=True)] = False,
) -> None:
    """Build an index: only new or changed photos are embedded, and a build that was stopped goes on."""
    if until_stdin_closes:
        end_with_stdin()
    if on is None:
        _refuse_what_is_rays(gallery, ray_address, shards)
    with progress_lines() if progress_json else progress_bar() as progress:
        settings = load_settings(
            index=index or (_index_name(gallery) if gallery else LFW),
            pipeline=pipeline,
            weights=weights,
            detector_weights=detector_weights,
        )
        root = gallery or str(lfw_photos(settings))
        builder = Builder(
            store=store_for(settings),
            pipeline=load_settings_pipeline(settings, many_photos=True),
            options=settings.inference_options(many_photos=True),
            face_choice=face or ("centre" if gallery is None or settings.index == LFW else "largest"),
            limits=settings.photo_limits(),
            workers=settings.inference_options().threads,
            trees=trees,
            keep=settings.keep_versions,
        )
        folder = local_folder(root)
        if on == "ray":
            with work_on_ray(settings, builder, root, address=ray_address, shards=shards) as work:
                report = builder.build_by(work, progress, fresh=fresh)
        else:
            report = builder.build(folder or Path(root), progress, fresh=fresh)
    if folder is not None:
        remember_gallery(settings, folder)
    if misses is not None:
        lines = [f"{miss.file}\t{miss.reason}" for miss in report.misses]
        misses.write_text("\n".join([*lines, ""]), encoding="utf-8")
    if progress_json:
        told = _report_json(report)
        write_line({"report": told | {"missed": len(report.misses), "misses": told["misses"][:MISSES_TOLD]}})
    elif as_json:
        print_json(_report_json(report))
    else:
        _print_report(report, listed=misses)


@app.command()
def verify(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Check the index in use: every file against its hash, the vectors, and the recall of Annoy."""
    settings = load_settings(index=index)
    version = open_version(Store(settings.index_dir / settings.index).current())
    check_vectors(version.vectors)
    report = check_recall(version, realistic_probes(version.vectors))
    publisher = publisher_for(settings)
    document: dict[str, Any] = {
        "index": settings.index,
        "version": version.manifest.version,
        "people": report.people,
        "photos": report.photos,
        "recall_at_10": round(report.recall_at_10, 5),
        "self_found": report.self_found,
    }
    if publisher is not None:
        document["server"] = _server_json(publisher, version)
    if as_json:
        print_json(document)
        return
    out().print(
        f"{settings.index} {version.manifest.version} is sound: {report.photos:,} photos of {report.people:,} "
        f"people, recall@10 {report.recall_at_10:.4f}, every file as it was built.",
        soft_wrap=True,
    )
    if publisher is not None:
        server = document["server"]
        beside = f" all but {server['beside']:,}" if server["beside"] else " all"
        out().print(
            f"{publisher.server.where} has{beside} of them in {server['collection']}, recall@10 "
            f"{server['recall_at_10']:.4f}.",
            soft_wrap=True,
        )


@app.command()
def publish(
    version: Annotated[
        str | None, typer.Argument(help="Which one, from `rvs index list`. [default: the one in use]")
    ] = None,
    index: IndexOption = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Fill a new collection, whatever is there and could be shared.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a version to the server that searches (RVS_SEARCH), as a build does; nothing is embedded again."""
    settings = load_settings(index=index)
    publisher = publisher_for(settings)
    if publisher is None:
        raise ConfigError(
            f"No server searches: RVS_SEARCH is {settings.search}.", hint="Set it to milvus or pgvector."
        )
    store = Store(settings.index_dir / settings.index, publisher)
    current = store.current().name
    name = version or current
    with only_builder(store.folder), progress_bar() as progress:
        done = publisher.publish(store.open(name), progress, anew=anew)
        if name == current:
            store.activate(name)  # so that the alias follows
    document = {"index": settings.index, "version": name, "engine": publisher.server.engine, **asdict(done)}
    if as_json:
        print_json(document)
        return
    out().print(f"{publisher.server.where} has {name}: {published_words(done)}.", soft_wrap=True)


app.command("list")(versions.list_versions)
app.command("activate")(versions.activate)
app.command("rollback")(versions.rollback)
app.command("prune")(versions.prune)


def _server_json(publisher: Publisher, version: Version) -> dict[str, Any]:
    """What the server has of a version, measured now, and whether the alias says so."""
    report = publisher.verify(version)
    done = publisher.publication(version.folder)
    return {
        "engine": publisher.server.engine,
        "collection": done.collection,
        "beside": 0 if done.shared is None else done.shared.beside,
        "aliased": publisher.server.pointed(alias_of(version.folder.parent.name)) == done.collection,
        "recall_at_10": round(report.recall_at_10, 5),
        "self_found": report.self_found,
    }


def _refuse_what_is_rays(gallery: str | None, address: str | None, shards: str | None) -> None:
    if gallery is not None and local_folder(gallery) is None:
        raise ConfigError(
            f"{gallery} is not a folder of this machine.", hint="Add --on ray to build from a URL."
        )
    if address is not None or shards is not None:
        raise ConfigError("--ray-address and --shards are about a build on Ray.", hint="Add --on ray.")


def _index_name(gallery: str) -> str:
    folder = local_folder(gallery)
    last = gallery.rstrip("/").rpartition("/")[2] if folder is None else folder.resolve().name
    name = re.sub(r"[^a-z0-9._-]+", "-", last.lower()).strip("-._")
    if not name or name == LFW:
        raise ConfigError("This gallery needs a name for its index.", hint="Give one with --index NAME.")
    return name[:64]


def _report_json(report: BuildReport) -> dict[str, Any]:
    return {
        "version": report.version.name,
        "changed": report.changed,
        "people": report.people,
        "photos": report.photos,
        "embedded": report.embedded,
        "reused": report.reused,
        "misses": [{"file": miss.file, "reason": miss.reason} for miss in report.misses],
        "recall_at_10": report.manifest.forest.recall_at_10,
        "search_k": report.manifest.forest.search_k,
        "seconds": round(report.seconds, 2),
        "timings_s": dict(report.manifest.timings_s),
        "published": published_json(report.published),
    }


def _print_report(report: BuildReport, *, listed: Path | None) -> None:
    console = out()
    if not report.changed:
        console.print(f"Nothing has changed: {report.version.name} stays in use ({report.seconds:.1f} s).")
        return
    rate = report.embedded / max(report.manifest.timings_s.get("embed", 0), 1e-9)
    console.print(
        f"Built and in use: {report.version.name}, {report.photos:,} photos of {report.people:,} people "
        f"in {report.seconds:.1f} s.",
        soft_wrap=True,
    )
    console.print(
        f"{report.embedded:,} embedded{f' ({rate:.0f}/s)' if report.embedded else ''}, {report.reused:,} kept; "
        f"Annoy finds {report.manifest.forest.recall_at_10:.4f} of the ten nearest.",
        soft_wrap=True,
    )
    if report.published is not None:
        console.print(f"The server that searches has {published_words(report.published)}.", soft_wrap=True)
    if report.misses:
        count = "1 photo" if len(report.misses) == 1 else f"{len(report.misses):,} photos"
        console.print(f"{count} could not be used:")
        for miss in report.misses[:_MISSES_SHOWN]:
            console.print(Text(f"  {miss.file}: {miss.reason}"), soft_wrap=True)
        rest = len(report.misses) - _MISSES_SHOWN
        if rest > 0:
            console.print(
                f"  and {rest:,} more"
                + (f", all in {listed}" if listed else "; list them with --misses FILE")
            )
