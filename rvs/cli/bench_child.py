"""The process in which a part of a benchmark is measured: `python -m rvs.cli.bench_child REQUEST`.

REQUEST is a JSON object whose "part" is cold, runtime, growth or engine. Standard output gets JSON objects, one a
line: progress, "ready" when it is loaded, and at the end "result" or "error". It ends with its standard input.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rvs.answer import Question, Served, answer, load_served
from rvs.cli.build_lines import ProgressLines, end_with_stdin, progress_lines, write_line
from rvs.evaluation.memory import memory_mib, peak_memory_mib
from rvs.settings import Settings, load_settings
from rvs.stages import Stages


def main(request: dict[str, Any]) -> None:
    """Measure what is asked for and print it."""
    end_with_stdin()
    parts: dict[str, Callable[..., dict[str, Any]]] = {
        "cold": _cold,
        "runtime": _runtime,
        "growth": _growth,
        "engine": _engine,
    }
    with progress_lines() as progress:
        write_line({"result": parts[request.pop("part")](load_settings(), progress, **request)})


def _cold(settings: Settings, progress: ProgressLines, *, photo: str) -> dict[str, float]:
    """Load, and answer one question; what is only needed for the other parts is not imported."""
    del progress  # it is soon done
    served = load_served(settings)
    write_line({"ready": True})
    loaded_mib, data = memory_mib(), Path(photo).read_bytes()
    started = time.perf_counter()
    answer(served, data, Question(settings.people), Stages())
    return {"first_ms": (time.perf_counter() - started) * 1000, "memory_mib": loaded_mib}


def _runtime(
    settings: Settings,
    progress: ProgressLines,
    *,
    photos: list[dict[str, Any]],
    service_photo: str,
    repeat: int,
    gallery: str,
    source: str,
) -> dict[str, Any]:
    """Queries and memory, then the service, then the batch: each weighs on what is measured after it."""
    from rvs.evaluation.bench_photos import BenchPhoto  # noqa: PLC0415
    from rvs.evaluation.queries import measure_query, repeat_in_all  # noqa: PLC0415

    served = load_served(settings)
    loaded_mib, options = memory_mib(), settings.inference_options()
    asked = [BenchPhoto(jpeg=Path(facts.pop("file")).read_bytes(), **facts) for facts in photos]
    tick = _Ticks(progress, f"{options.runtime}: questions", len(asked) * repeat_in_all(repeat))
    queries = [asdict(measure_query(served, photo, settings.people, repeat, tick)) for photo in asked]
    memory = {"loaded_mib": loaded_mib, "after_queries_mib": memory_mib(), "peak_mib": peak_memory_mib()}
    (everybodys,) = (photo.jpeg for photo in asked if photo.name == service_photo)
    return {
        "runtime": options.runtime,
        "precision": options.precision,
        # TensorFlow is not told how many, and takes all there are.
        "threads": options.threads if options.runtime == "openvino" else os.cpu_count() or 1,
        "memory": memory,
        "queries": queries,
        "service_workers": settings.workers,
        "service": _service(settings, progress, served, everybodys, repeat),
        "batch": _batch(settings, progress, served, Path(gallery), source),
    }


def _service(
    settings: Settings, progress: ProgressLines, served: Served, photo: bytes, repeat: int
) -> list[dict[str, Any]]:
    from rvs.evaluation.concurrency import ASKERS, measure_service  # noqa: PLC0415
    from rvs.service import ServiceLimits  # noqa: PLC0415

    sys.setswitchinterval(0.001)  # as the bot does
    tick = _Ticks(progress, f"{settings.inference_options().runtime}: service", len(ASKERS))
    limits = ServiceLimits.from_settings(settings)
    speeds = measure_service(served, limits, photo, settings.people, questions=repeat, tick=tick)
    return [asdict(speed) for speed in speeds]


def _batch(
    settings: Settings, progress: ProgressLines, served: Served, gallery: Path, source: Any
) -> dict[str, Any]:
    from rvs.engine import load_settings_pipeline  # noqa: PLC0415
    from rvs.evaluation.batch import measure_batch, photos_needed  # noqa: PLC0415
    from rvs.gallery.embed import FolderFiles, PhotoEmbedder  # noqa: PLC0415
    from rvs.gallery.folder import list_photos  # noqa: PLC0415

    options = settings.inference_options(many_photos=True)
    embedder = PhotoEmbedder(
        files=FolderFiles(gallery),
        pipeline=load_settings_pipeline(settings, many_photos=True),
        face_choice=served.engine.version.manifest.face_choice,
        limits=settings.photo_limits(),
    )
    photos = list_photos(gallery)[: photos_needed(options.threads)]
    tick = _Ticks(progress, f"{options.runtime}: batch", 2 * len(photos))
    return asdict(measure_batch(embedder, options.threads, photos, source, tick))


def _growth(settings: Settings, progress: ProgressLines, *, size: int, trees: int) -> dict[str, Any]:
    from rvs.evaluation.growth import PARTS, measure_growth_step  # noqa: PLC0415
    from rvs.gallery.store import Store  # noqa: PLC0415

    version = Store(settings.index_dir / settings.index).open_current()
    stage = f"{size:,} vectors"

    def tell(part: str) -> None:
        progress(stage, PARTS.index(part), len(PARTS))

    step = measure_growth_step(version.vectors, size, trees, tell)
    progress(stage, len(PARTS), len(PARTS))
    return asdict(step)


def _engine(
    settings: Settings,
    progress: ProgressLines,
    *,
    size: int,
    trees: int,
    target: float,
    server_pid: int | None,
    server_data: str | None,
) -> dict[str, Any]:
    from rvs.evaluation.contenders import contender_for  # noqa: PLC0415
    from rvs.evaluation.engine_speed import measure_engine  # noqa: PLC0415
    from rvs.evaluation.server_process import ServerProcess  # noqa: PLC0415
    from rvs.gallery.store import Store  # noqa: PLC0415

    version = Store(settings.index_dir / settings.index).open_current()
    process = None if server_pid is None else ServerProcess(server_pid)
    data = None if server_data is None else Path(server_data)
    with contender_for(settings, trees, process, data) as contender:
        return asdict(measure_engine(contender, version.vectors, size, target, progress))


class _Ticks:
    """Progress of one stage, told by calling it."""

    def __init__(self, progress: ProgressLines, stage: str, total: int) -> None:
        self._progress, self._stage, self._total, self._done = progress, stage, total, 0
        progress(stage, 0, total)

    def __call__(self, count: int = 1) -> None:
        self._done += count
        self._progress(self._stage, self._done, self._total)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
