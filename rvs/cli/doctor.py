"""`rvs doctor`: what is installed, what would compute, which index would answer, and what is missing."""

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import typer
from rich.text import Text

from rvs.cli.terminal import JsonOption, out, print_json
from rvs.embedding.embedder import network_definition
from rvs.engine import gallery_photos
from rvs.errors import LookalikeError
from rvs.faces.detector import network_definition as detector_definition
from rvs.gallery.store import Store
from rvs.gallery.version import open_version
from rvs.inference import is_converted
from rvs.pipeline import parse_pipeline
from rvs.settings import Settings, load_settings

_PACKAGES = (
    *("tensorflow-cpu", "tensorflow", "keras", "openvino", "onnxruntime", "retina-face"),
    *("annoy", "numpy", "pillow", "pillow-heif", "discord.py"),
)
_MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "bad": ("✗", "bold red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: `ok`, worth a `note`, or `bad` when `rvs find` would fail."""

    state: Literal["ok", "note", "bad"]
    subject: str
    words: str
    hint: str = ""


def doctor(as_json: JsonOption = False) -> None:
    """Check this installation; the exit code is 1 when something needed is missing."""
    findings = list(examine(load_settings()))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = out()
        for finding in findings:
            mark, colour = _MARKS[finding.state]
            console.print(
                Text(f"{mark} ", style=colour) + Text(f"{finding.subject:<10} {finding.words}"),
                soft_wrap=True,
            )
            if finding.hint:
                console.print(Text(f"  {'':<10} {finding.hint}", style="dim"), soft_wrap=True)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding about an installation with these settings."""
    yield Finding(
        "ok",
        "python",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )
    yield Finding("ok", "packages", ", ".join(_installed()))
    yield from _runtime(settings)
    yield from _pipeline(settings)
    yield from _index(settings)


def _installed() -> Iterator[str]:
    for package in _PACKAGES:
        try:
            yield f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            continue


def _runtime(settings: Settings) -> Iterator[Finding]:
    try:
        options = settings.inference_options()
    except LookalikeError as error:
        yield Finding("bad", "runtime", error.message, error.hint)
        return
    note = (
        ""
        if options.precision == "bf16"
        else " (this CPU has no bf16)"
        if settings.precision == "auto"
        else ""
    )
    yield Finding("ok", "runtime", f"{options.runtime}, {options.precision}{note}, {options.threads} threads")


def _pipeline(settings: Settings) -> Iterator[Finding]:
    try:
        name = parse_pipeline(settings.pipeline)
        definitions = [network_definition(name.embedder, settings.weights)]
        if name.detector is not None and (definition := detector_definition(name.detector)) is not None:
            definitions.append(definition)
    except LookalikeError as error:
        yield Finding("bad", "pipeline", error.message, error.hint)
        return
    yield Finding("ok", "pipeline", str(name))
    if settings.inference_options().runtime == "openvino":
        missing = [d.name for d in definitions if not is_converted(d, settings.cache_dir)]
        if missing:
            yield Finding(
                "note",
                "networks",
                f"{' and '.join(missing)} will be converted on first use (about 10 s each)",
            )
        else:
            yield Finding("ok", "networks", f"converted, in {settings.cache_dir}")


def _index(settings: Settings) -> Iterator[Finding]:
    try:
        fingerprint = parse_pipeline(settings.pipeline).fingerprint(settings.weights)
        version = open_version(Store(settings.index_dir / settings.index).current(), fingerprint=fingerprint)
    except LookalikeError as error:
        yield Finding("bad", "index", error.message, error.hint)
        return
    manifest = version.manifest
    yield Finding(
        "ok",
        "index",
        f"{settings.index} {manifest.version}: {manifest.photos:,} photos of {manifest.people:,} people, "
        f"recall@10 {manifest.forest.recall_at_10:.4f}, files as they were built",
    )
    try:
        root = gallery_photos(settings).root
    except LookalikeError as error:
        yield Finding("bad", "photos", error.message, error.hint)
        return
    if root is None:
        yield Finding(
            "note",
            "photos",
            "the gallery's photos are not on this machine: the grid shows names only",
            "Fetch LFW's with `rvs lfw fetch`, or set RVS_LFW_DIR.",
        )
    else:
        yield Finding("ok", "photos", f"the gallery's photos are in {root}")
