"""The study's rows, one after the other: an index built where it is not there yet, then measured."""

import gc
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rvs.arrays import Pixels
from rvs.cli.terminal import err, progress_bar
from rvs.conversion import convert_apart
from rvs.embedding.spec import embedder_spec
from rvs.engine import LFW, load_settings_pipeline, remember_gallery
from rvs.errors import ConfigError, GalleryError, PhotoError, WeightsError
from rvs.evaluation.embedding_speed import random_pipeline, time_photos
from rvs.evaluation.machine import this_machine
from rvs.evaluation.study import PlannedRow, Study, StudyRow, measure_row, planned_rows, row_of, study_index
from rvs.gallery.build import Builder
from rvs.gallery.folder import list_photos
from rvs.gallery.lfw import Pair
from rvs.gallery.store import Store
from rvs.gallery.version import Version
from rvs.photo import read_photo
from rvs.pipeline import Pipeline
from rvs.settings import Settings

_TIMED_PHOTOS = 32


def run_study(
    settings: Settings,
    root: Path,
    pairs: Sequence[Pair],
    weights: Mapping[str, Path],
    *,
    random_weights: bool,
) -> Study:
    """Build and measure every row whose weights are here; what is going on is told on standard error.

    Stopped, it goes on where it was: every row is an index that is built incrementally.

    Args:
        settings: where indexes and converted networks are.
        root: LFW's photos.
        pairs: LFW's pairs.
        weights: files by name of the embedder.
        random_weights: time the networks without weights with random ones.

    Raises:
        WeightsError: a weight file does not fit.
        RebuildError: an index could not be built.
    """
    machine, photos = this_machine(), _sample(root, settings)
    planned = planned_rows(weights, LFW)
    rows: list[StudyRow] = []
    for number, row in enumerate(planned, start=1):
        note = "" if row.weights_here else ": weights not on this machine"
        err().print(f"{number}/{len(planned)}  {row.pipeline}{note}", soft_wrap=True)
        rows.append(_measured(settings, row, root, pairs, photos) if row.weights_here else row_of(row, None))
    if random_weights:
        # Last, because it needs TensorFlow, which would stay in memory beside the others.
        missing = dict.fromkeys(row.embedder for row in rows if row.figures is None)
        times = {name: _random_embed_ms(settings, name, photos) for name in missing}
        rows = [replace(row, random_embed_ms=times.get(row.embedder)) for row in rows]
    return Study(machine, tuple(rows))


def parse_weights(given: Sequence[str]) -> dict[str, Path]:
    """The files of `--weights NAME=PATH`, by embedder.

    Raises:
        ConfigError: not of that form, or no such embedder.
        WeightsError: a file is not there.
    """
    found = {}
    for one in given:
        name, equals, path = one.partition("=")
        if not equals:
            raise ConfigError(
                f'"{one}" does not say whose weights these are.',
                hint="Write --weights NAME=PATH, such as --weights vgg16=vgg16.weights.h5.",
            )
        spec = embedder_spec(name)
        if spec.packaged:
            raise ConfigError(
                f"The weights of {name} are part of the package.", hint=f"Leave out --weights {name}=..."
            )
        file = Path(path).expanduser()
        if not file.is_file():
            raise WeightsError(
                f"There is no weight file {file}.", hint="Check the path given with --weights."
            )
        found[name] = file
    return found


def _measured(
    settings: Settings, row: PlannedRow, root: Path, pairs: Sequence[Pair], photos: Sequence[Pixels]
) -> StudyRow:
    own = settings.model_copy(
        update={"index": row.index, "pipeline": str(row.pipeline), "weights": row.weights}
    )
    convert_apart(own)  # TensorFlow would stay in memory, and slow what is timed
    pipeline = load_settings_pipeline(own, many_photos=True)
    options = own.inference_options(many_photos=True)
    row, version = _version(own, row, root, pipeline)
    times = time_photos(pipeline, photos, options.threads, options.runtime, options.precision)
    figures = measure_row(version, pairs, times, options.threads, this_machine().measured_at)
    del pipeline
    gc.collect()  # the next network takes its memory
    return row_of(row, figures)


def _random_embed_ms(settings: Settings, embedder: str, photos: Sequence[Pixels]) -> float:
    err().print(f"timing {embedder} with random weights", soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="rvs-random-") as folder:
        options = replace(settings.inference_options(many_photos=True), cache_dir=Path(folder))
        pipeline = random_pipeline(embedder_spec(embedder), options)
        return time_photos(pipeline, photos, options.threads, options.runtime, options.precision).embed_ms


def _version(
    settings: Settings, row: PlannedRow, root: Path, pipeline: Pipeline
) -> tuple[PlannedRow, Version]:
    """The row's index, up to date. LFW's own, which others rely on, is taken as it is and never built here."""
    if row.index == LFW:
        try:
            store = Store(settings.index_dir / LFW)
            return row, store.open_current(fingerprint=pipeline.fingerprint)
        except GalleryError:
            row = replace(row, index=study_index(row.pipeline))
            settings = settings.model_copy(update={"index": row.index})
    options = settings.inference_options(many_photos=True)
    store = Store(settings.index_dir / settings.index)
    with progress_bar() as progress:
        Builder(
            store=store,
            pipeline=pipeline,
            options=options,
            face_choice="centre",
            limits=settings.photo_limits(),
            workers=options.threads,
            keep=settings.keep_versions,
        ).build(root, progress)
    remember_gallery(settings, root)
    return row, store.open_current(fingerprint=pipeline.fingerprint)


def _sample(root: Path, settings: Settings) -> list[Pixels]:
    """Photos from all over the gallery, for the times."""
    photos = list_photos(root)
    found = []
    for photo in photos[:: max(1, len(photos) // _TIMED_PHOTOS)][:_TIMED_PHOTOS]:
        try:
            found.append(read_photo(root / photo.file, settings.photo_limits()).pixels)
        except PhotoError:
            continue
    return found
