"""The tables of the cost model: bytes, build and latency by engine, faces and dimension."""

from collections.abc import Mapping, Sequence

from tools.scaling.cells import duration, in_bytes, marked, millions, table, two_digits
from tools.scaling.cost_model import (
    LFW,
    USABLE_BYTES,
    Engine,
    Point,
    Quantity,
    embed_days,
    engines,
    machines_for_a_day,
    measured,
    points,
)
from tools.scaling.measured import Measured

FACES = (LFW, 10**5, 10**6, 10**7, 10**8, 10**9)
DIMENSIONS = (128, 512, 2048)


def gallery_tables(documents: Measured) -> dict[str, str]:
    """Each by its name in the document."""
    known = points(row.speed for row in documents.engines)
    by_formula = engines(known)
    return {
        "per-face": _per_face(by_formula),
        "points": _points(known),
        "one-machine": _one_machine(by_formula),
        "memory": _by_engine("memory", by_formula, known),
        "build": _by_engine("build", by_formula, known),
        "latency": _by_engine("latency", by_formula, known),
        "embedding": _embedding(documents.embed_per_s()),
    }


def _per_face(by_formula: Sequence[Engine]) -> str:
    return table(
        ["bytes a face, in memory / on disk", *(f"{dimension}-d" for dimension in DIMENSIONS)],
        (
            [
                engine.name,
                *(f"{engine.memory.per_face(d):,.0f} / {engine.disk.per_face(d):,.0f}" for d in DIMENSIONS),
            ]
            for engine in by_formula
        ),
    )


def _points(known: Sequence[Point]) -> str:
    return table(
        ["engine", "what", "faces, 128-d", "measured"],
        (
            [point.engine, point.quantity, f"{point.faces:,}", _in_unit(point.quantity, point.value)]
            for point in known
        ),
    )


def _one_machine(by_formula: Sequence[Engine]) -> str:
    return table(
        ["faces that one machine of 24 GiB serves", *(f"{dimension}-d" for dimension in DIMENSIONS)],
        (
            [engine.name, *(millions(engine.faces_in(USABLE_BYTES, d)) for d in DIMENSIONS)]
            for engine in by_formula
        ),
    )


def _by_engine(quantity: Quantity, by_formula: Sequence[Engine], known: Sequence[Point]) -> str:
    return table(
        ["faces", "dimension", *(engine.name for engine in by_formula)],
        (
            [
                f"{faces:,}",
                str(dimension),
                *(_cell(engine, known, quantity, faces, dimension) for engine in by_formula),
            ]
            for faces in FACES
            for dimension in (DIMENSIONS if faces != LFW else DIMENSIONS[:1])
        ),
    )


def _cell(engine: Engine, known: Sequence[Point], quantity: Quantity, faces: int, dimension: int) -> str:
    point = measured(known, engine.name, quantity, faces, dimension)
    if point is not None:
        return f"**{_in_unit(quantity, point.value)}**"
    if not engine.fits(faces, dimension):
        return "too many"
    value = engine.expected(quantity, faces, dimension)
    return "?" if value is None else _in_unit(quantity, value)


def _in_unit(quantity: Quantity, value: float) -> str:
    if quantity in ("memory", "disk"):
        return in_bytes(value)
    return f"{two_digits(value)} ms" if quantity == "latency" else duration(value)


def _embedding(photos_per_s: Mapping[str, float]) -> str:
    return table(
        [
            "photos",
            *(
                f"{kind}, {rate:g} a second: one machine; machines for a day"
                for kind, rate in photos_per_s.items()
            ),
        ],
        (
            [
                f"{faces:,}",
                *(
                    marked(faces == LFW and kind == "250 x 250", duration(86_400 * embed_days(faces, rate)))
                    + f"; {machines_for_a_day(faces, rate):,}"
                    for kind, rate in photos_per_s.items()
                ),
            ]
            for faces in FACES
        ),
    )
