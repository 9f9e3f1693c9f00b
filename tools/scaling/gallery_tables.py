"""The tables of the cost model: bytes, build and latency by engine, faces and dimension."""

from tools.scaling.cells import duration, in_bytes, marked, millions, table, two_digits
from tools.scaling.cost_model import (
    EMBED_PER_S,
    ENGINES,
    LFW,
    POINTS,
    USABLE_BYTES,
    Engine,
    Quantity,
    embed_days,
    machines_for_a_day,
    measured,
)

FACES = (LFW, 10**5, 10**6, 10**7, 10**8, 10**9)
DIMENSIONS = (128, 512, 2048)


def gallery_tables() -> dict[str, str]:
    """Each by its name in the document."""
    return {
        "per-face": _per_face(),
        "points": _points(),
        "one-machine": _one_machine(),
        "memory": _by_engine("memory"),
        "build": _by_engine("build"),
        "latency": _by_engine("latency"),
        "embedding": _embedding(),
    }


def _per_face() -> str:
    return table(
        ["bytes a face, in memory / on disk", *(f"{dimension}-d" for dimension in DIMENSIONS)],
        (
            [engine.name, *(f"{engine.memory(d):,.0f} / {engine.disk(d):,.0f}" for d in DIMENSIONS)]
            for engine in ENGINES
        ),
    )


def _points() -> str:
    return table(
        ["engine", "what", "faces, 128-d", "measured", "on"],
        (
            [
                point.engine,
                point.quantity,
                f"{point.faces:,}",
                _in_unit(point.quantity, point.value),
                "this program, LFW" if point.ours else "the engine alone",
            ]
            for point in POINTS
        ),
    )


def _one_machine() -> str:
    return table(
        ["faces that one machine of 24 GiB serves", *(f"{dimension}-d" for dimension in DIMENSIONS)],
        (
            [engine.name, *(millions(engine.faces_in(USABLE_BYTES, d)) for d in DIMENSIONS)]
            for engine in ENGINES
        ),
    )


def _by_engine(quantity: Quantity) -> str:
    return table(
        ["faces", "dimension", *(engine.name for engine in ENGINES)],
        (
            [f"{faces:,}", str(dimension), *(_cell(engine, quantity, faces, dimension) for engine in ENGINES)]
            for faces in FACES
            for dimension in (DIMENSIONS if faces != LFW else DIMENSIONS[:1])
        ),
    )


def _cell(engine: Engine, quantity: Quantity, faces: int, dimension: int) -> str:
    point = measured(engine, quantity, faces, dimension)
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


def _embedding() -> str:
    return table(
        ["photos", *(f"{kind}: one machine; machines for a day" for kind in EMBED_PER_S)],
        (
            [
                f"{faces:,}",
                *(
                    marked(faces == LFW and kind == "250 x 250", duration(86_400 * embed_days(faces, rate)))
                    + f"; {machines_for_a_day(faces, rate):,}"
                    for kind, rate in EMBED_PER_S.items()
                ),
            ]
            for faces in FACES
        ),
    )
