"""`rvs index build --on ray`: what differs from a build with the cores of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from rvs.gallery.build import Builder
from rvs.gallery.on_ray.cluster import connected
from rvs.gallery.on_ray.gallery_files import gallery_files
from rvs.gallery.on_ray.work import RayWork
from rvs.inference import InferenceOptions, choose_precision
from rvs.pipeline import Pipeline, load_pipeline, parse_pipeline
from rvs.settings import Settings, load_settings


@contextmanager
def work_on_ray(
    settings: Settings, builder: Builder, gallery: str, *, address: str | None, shards: str | None
) -> Iterator[RayWork]:
    """The work of a build, on a cluster that is connected as long as the block lasts.

    Args:
        settings: whose pipeline the workers load.
        builder: what builds with it.
        gallery: path or URL.
        address: of the cluster; None: one of this machine.
        shards: path or URL for the workers' shards; None: beside the index.

    Raises:
        ConfigError: the extra is not installed, there is no such cluster, or no such kind of URL.
    """
    options = replace(builder.options, threads=1, streams=1)  # a worker has one core
    work = RayWork(
        place=gallery,
        files=gallery_files(gallery, builder.limits),
        load=partial(load_in_worker, settings, options),
        fingerprint=builder.pipeline.fingerprint,
        face_choice=builder.face_choice,
        limits=builder.limits,
        shards=None if shards is None else f"{shards.rstrip('/')}/{settings.index}",
    )
    with connected(address, builder.workers):
        yield work


def load_in_worker(settings: Settings, options: InferenceOptions) -> Pipeline:
    """The pipeline in the very arithmetic that the machine that builds has chosen.

    Raises:
        ConfigError: this machine cannot compute in it.
        WeightsError: weights are missing or damaged.
    """
    choose_precision(options.precision, options.runtime)
    if not options.cache_dir.is_dir():  # that of the machine that builds
        options = replace(options, cache_dir=load_settings().cache_dir)
    return load_pipeline(
        parse_pipeline(settings.pipeline),
        options,
        weights=settings.weights,
        detector_weights=settings.detector_weights,
    )
