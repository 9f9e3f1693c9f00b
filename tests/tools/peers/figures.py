"""A comparison made up by hand, for the tests of what is made from it."""

from collections.abc import Mapping

from rvs.evaluation.bench_photos import PhotoFacts
from rvs.evaluation.machine import Machine
from tools.peers.comparison import Comparison, rows
from tools.peers.contenders import BATCH, CONTENDERS, INDEX, PEOPLE, WITH_GRID
from tools.peers.race import Race, Turn

PHOTOS = ("250 px", "1 MP", "4 MP")


def turn(number: int, contender: str, photo: str, *milliseconds: float, found: int = 1) -> Turn:
    return Turn(number, contender, photo, milliseconds, {"detect": 0.75 * milliseconds[0]}, found)


def comparison(
    peer_ms: float = 300.0, *, failed: Mapping[tuple[str, str], str] | None = None, gallery_here: bool = True
) -> Comparison:
    """rvs takes 20 ms, with its picture 40; everybody else `peer_ms`. Those in `failed` have failed."""
    lost = dict(failed or {})

    def race(names: list[str], photos: tuple[str, ...]) -> Race:
        own = {WITH_GRID: 40.0, PEOPLE: 20.0, INDEX: 500.0}
        turns = [
            turn(number, name, photo, own.get(name, peer_ms))
            for number in range(4)
            for name in names
            for photo in photos
            if (name, photo) not in lost
        ]
        return Race(tuple(turns), {pair: why for pair, why in lost.items() if pair[0] in names})

    machine = Machine(
        "Some CPU",
        2,
        8.0,
        "Linux x86_64",
        "3.11.7",
        {"numpy": "2.4.6"},
        "0.1.0",
        "abc1234",
        "2026-01-01T00:00Z",
    )
    versions = {one.name: {"numpy": "2.4.6"} for one in (*CONTENDERS, *BATCH)}
    once_ms = {"VGG16 + Annoy": {"building VGG16": 900.0}}
    return Comparison(
        format=1,
        machine=machine,
        runtime="openvino",
        precision="bf16",
        rounds=4,
        batch_rounds=4,
        seed=1,
        vectors=13_233,
        gallery_here=gallery_here,
        photos=tuple(PhotoFacts(name, 100, 100, 30_000, 1) for name in PHOTOS),
        rows=rows(CONTENDERS, race([one.name for one in CONTENDERS], PHOTOS), PHOTOS, versions, once_ms),
        batch_photos=100,
        batch_source="LFW" if gallery_here else "the portrait",
        batch=rows(BATCH, race([one.name for one in BATCH], ("index",)), ("index",), versions, once_ms),
    )
