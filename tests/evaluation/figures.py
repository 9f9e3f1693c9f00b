"""A benchmark with made-up figures, for what reads them."""

from rvs.evaluation.batch import BatchSpeed
from rvs.evaluation.bench_photos import PhotoFacts
from rvs.evaluation.benchmark import (
    FORMAT,
    Benchmark,
    ColdStart,
    Growth,
    IndexFacts,
    Memory,
    RuntimeFigures,
)
from rvs.evaluation.concurrency import ServiceSpeed
from rvs.evaluation.growth import GrowthStep, TunedSpeed, WidthSpeed
from rvs.evaluation.index_speed import IndexSpeed
from rvs.evaluation.machine import Machine
from rvs.evaluation.queries import QuerySpeed
from rvs.evaluation.spread import Spread
from rvs.inference import Runtime

MACHINE = Machine(
    "A processor",
    2,
    24.0,
    "Linux x86_64",
    "3.11.7",
    {"numpy": "2.0"},
    "0.1.0",
    "abc1234",
    "2026-11-26T12:00Z",
)
OTHER_MACHINE = Machine(
    "Another one",
    64,
    99.0,
    "Linux x86_64",
    "3.12.1",
    {"numpy": "2.1"},
    "0.1.0",
    "def5678",
    "2026-12-01T12:00Z",
)


def at(median_ms: float) -> Spread:
    return Spread(median_ms, 2 * median_ms)


def query(photo: str, *, several: bool = False) -> QuerySpeed:
    stages = {"decode": 4.0, "detect": 10.0, "align": 1.0, "embed": 5.0, "search": 0.5, "group": 0.25}
    stages |= {"quality": 0.5, "render": 20.0} | ({"overview": 8.0} if several else {})
    return QuerySpeed(
        photo=photo,
        whole=at(48.0 if several else 40.0),
        path={"decode": at(4.0), "search": at(16.0), "grid": at(20.0)},
        stages={name: at(median) for name, median in stages.items()},
        networks={"detector": at(7.0), "embedder": at(4.0)},
        network_calls=2,
        floor=at(11.0),
        overhead=3.64,
    )


def runtime(name: Runtime) -> RuntimeFigures:
    return RuntimeFigures(
        runtime=name,
        precision="f32",
        threads=2,
        cold=ColdStart(3, 1.25, 80.0, 210.0),
        memory=Memory(215.0, 333.0, 444.0),
        queries=(query("1 MP"), query("group photo", several=True)),
        service_workers=2,
        service=tuple(
            ServiceSpeed(askers, 50, 30.0 * askers**0.5, at(33.0 * askers)) for askers in (1, 2, 4, 8)
        ),
        batch=BatchSpeed(
            "gallery",
            640,
            640,
            2,
            4.0,
            160.0,
            {"decode": 1.0, "detect": 5.0, "align": 1.0, "embed": 3.0},
            {"decode": 0.1, "detect": 0.5, "align": 0.1, "embed": 0.3},
        ),
    )


def step(vectors: int, exact_ms: float, *annoy_ms: float | None) -> GrowthStep:
    """Annoy's time for each target, None where it does not get there."""
    curve = tuple(
        WidthSpeed(1000 * 2**number, IndexSpeed(0.9 + 0.045 * (number + 1), at(median)))
        for number, median in enumerate(annoy_ms)
        if median is not None
    )
    tuned = tuple(
        TunedSpeed(target, curve[number] if median is not None else None)
        for number, (target, median) in enumerate(zip((0.95, 0.99), annoy_ms, strict=True))
    )
    return GrowthStep(
        vectors, 128, 200, 1, 40, 12.0, 500.0, 99.0, 88.0, 49.0, IndexSpeed(1.0, at(exact_ms)), curve, tuned
    )


def growth(*steps: GrowthStep) -> Growth:
    default = (step(10_000, 0.1, 0.2, 0.8), step(100_000, 1.0, 0.6, 2.0), step(1_000_000, 10.0, 2.0, 8.0))
    return Growth(OTHER_MACHINE, "version-1", 13_233, steps or default)


def benchmark(*, with_growth: bool = True) -> Benchmark:
    return Benchmark(
        format=FORMAT,
        machine=MACHINE,
        index=IndexFacts(
            "lfw", "version-1", "retinaface-mobilenet + face-resnet", "annoy", 5749, 13_233, photos_here=True
        ),
        repeat=50,
        people=8,
        photos=(
            PhotoFacts("1 MP", 1000, 1000, 267_589, 1),
            PhotoFacts("group photo", 1600, 1200, 519_404, 12),
        ),
        runtimes=(runtime("openvino"), runtime("tensorflow")),
        growth=growth() if with_growth else None,
    )
