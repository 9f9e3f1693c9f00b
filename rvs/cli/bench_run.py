"""A whole benchmark: makes the photos, has each part measured in a process of its own, puts it all together."""

import importlib.metadata
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from rvs.arrays import Pixels
from rvs.cli.apart import run_apart
from rvs.conversion import convert_apart
from rvs.engine import gallery_photos, load_settings_pipeline
from rvs.errors import ConfigError
from rvs.evaluation.batch import photos_needed
from rvs.evaluation.bench_photos import ONE_MEGAPIXEL, make_gallery, make_photos
from rvs.evaluation.benchmark import (
    FORMAT,
    Benchmark,
    ColdStart,
    Growth,
    IndexFacts,
    RuntimeFigures,
)
from rvs.evaluation.growth import NEIGHBOURS, GrowthStep
from rvs.evaluation.machine import this_machine
from rvs.gallery.embed import Progress
from rvs.gallery.store import Store
from rvs.gallery.version import Manifest
from rvs.inference import Runtime
from rvs.pipeline import parse_pipeline
from rvs.settings import Settings

COLD_STARTS = 3
_PACKAGES: dict[Runtime, tuple[str, ...]] = {
    "openvino": ("openvino",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
}


def parse_runtimes(text: str | None) -> tuple[Runtime, ...]:
    """The runtimes named, in that order; None: all that are installed.

    Raises:
        ConfigError: one that does not exist or is not installed, or none.
    """
    if text is None:
        return tuple(runtime for runtime in get_args(Runtime) if _is_installed(runtime))
    names = dict.fromkeys(part.strip() for part in text.split(","))
    for name in names:
        if name not in get_args(Runtime):
            raise ConfigError(f'There is no runtime "{name}".', hint="Use openvino, tensorflow, or both.")
    runtimes: tuple[Runtime, ...] = tuple(runtime for runtime in get_args(Runtime) if runtime in names)
    for runtime in runtimes:
        if not _is_installed(runtime):
            raise ConfigError(f"{runtime} is not installed.", hint="Install it, or name the other one.")
    return runtimes


def parse_sizes(text: str | None, real: int) -> tuple[int, ...]:
    """The sizes named, such as "13k,100k,1M", in ascending order; None: the gallery's own, 100k, 1M and 3M.

    Raises:
        ConfigError: not a size, or too small for ten neighbours.
    """
    sizes = {real, 100_000, 1_000_000, 3_000_000}
    if text is not None:
        sizes = {_size(part.strip()) for part in text.split(",")}
    return tuple(sorted(size for size in sizes if size >= NEIGHBOURS))


def measure(
    pixels: Pixels, settings: Settings, runtimes: Sequence[Runtime], repeat: int, report: Progress
) -> Benchmark:
    """Everything but the growth.

    Raises:
        LookalikeError: the photo has no face; the index, weights or a setting cannot be used.
        OSError: the disk is full.
    """
    manifest = _manifest(settings)
    # With the settings' own runtime, here: the parts then get files, and nothing that making them needs.
    made = make_photos(pixels, load_settings_pipeline(settings), settings.photo_limits())
    root = gallery_photos(settings).root
    with tempfile.TemporaryDirectory(prefix="rvs-bench-") as name:
        folder = Path(name)
        files = [folder / f"{number}.jpg" for number in range(len(made))]
        for file, one in zip(files, made, strict=True):
            file.write_bytes(one.jpeg)
        if root is None:
            needed = photos_needed(settings.inference_options().threads)
            make_gallery(folder / "gallery", pixels, needed)
        request = {
            "part": "runtime",
            "photos": [
                {"name": one.name, "width_px": one.width_px, "height_px": one.height_px, "faces": one.faces}
                | {"file": str(file)}
                for one, file in zip(made, files, strict=True)
            ],
            "service_photo": ONE_MEGAPIXEL,
            "repeat": repeat,
            "gallery": str(root or folder / "gallery"),
            "source": "made" if root is None else "gallery",
        }
        cold_photo = files[[one.name for one in made].index(ONE_MEGAPIXEL)]
        figures = tuple(_runtime(settings, runtime, request, cold_photo, report) for runtime in runtimes)
    return Benchmark(
        format=FORMAT,
        machine=this_machine(),
        index=IndexFacts(
            name=settings.index,
            version=manifest.version,
            pipeline=manifest.pipeline,
            search=settings.search,
            people=manifest.people,
            photos=manifest.photos,
            photos_here=root is not None,
        ),
        repeat=repeat,
        people=settings.people,
        photos=tuple(one.facts for one in made),
        runtimes=figures,
        growth=None,
    )


def measure_growth(settings: Settings, sizes: Sequence[int], report: Progress) -> Growth:
    """The search over ever more vectors made of those of the index in use.

    Raises:
        GalleryError: the index is missing or damaged.
        OSError: the disk is full.
    """
    manifest = _manifest(settings)
    steps = []
    for size in sizes:
        request = {"part": "growth", "size": size, "trees": manifest.forest.trees}
        result, _ = run_apart(request, settings, report)
        steps.append(TypeAdapter(GrowthStep).validate_python(result))
    return Growth(this_machine(), manifest.version, manifest.photos, tuple(steps))


def real_vectors(settings: Settings) -> int:
    """How many vectors the index in use has."""
    return _manifest(settings).photos


def _runtime(
    settings: Settings, runtime: Runtime, request: dict[str, Any], photo: Path, report: Progress
) -> RuntimeFigures:
    # TensorFlow computes in f32 only, whatever is set for OpenVINO.
    changes = {"runtime": runtime} | ({"precision": "auto"} if runtime == "tensorflow" else {})
    chosen = settings.model_copy(update=changes)
    convert_apart(chosen)  # which is done once and is no part of a cold start
    stage = f"{runtime}: cold starts"
    report(stage, 0, COLD_STARTS)
    starts = []
    for number in range(COLD_STARTS):
        result, ready_s = run_apart({"part": "cold", "photo": str(photo)}, chosen, report)
        starts.append(result | {"ready_s": ready_s})
        report(stage, number + 1, COLD_STARTS)
    middle = {name: statistics.median(start[name] for start in starts) for name in starts[0]}
    cold = ColdStart(
        COLD_STARTS, round(middle["ready_s"], 3), round(middle["first_ms"], 1), middle["memory_mib"]
    )
    result, _ = run_apart(request, chosen, report)
    figures: RuntimeFigures = TypeAdapter(RuntimeFigures).validate_python(result | {"cold": asdict(cold)})
    return figures


def _manifest(settings: Settings) -> Manifest:
    fingerprint = parse_pipeline(settings.pipeline).fingerprint(settings.weights)
    return Store(settings.index_dir / settings.index).open_current(fingerprint=fingerprint).manifest


def _is_installed(runtime: Runtime) -> bool:
    for package in _PACKAGES[runtime]:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        return True
    return False


def _size(text: str) -> int:
    digits, factor = text, 1
    for suffix, times in (("k", 1_000), ("m", 1_000_000)):
        if text.lower().endswith(suffix):
            digits, factor = text[:-1], times
    if not digits.isascii() or not digits.isdigit() or int(digits) * factor < NEIGHBOURS:
        raise ConfigError(f'"{text}" is not a number of vectors.', hint="Use numbers such as 13k,100k,1M.")
    return int(digits) * factor
