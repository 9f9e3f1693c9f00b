"""Annoy, Milvus and pgvector over the same vectors: time to build, p50 and p95 at a recall, memory, disk.

    python -m tools.bench_engines                                   # 20,000 vectors, about a minute
    python -m tools.bench_engines --vectors 1000000 --json FILE     # 10 to 40 minutes, 6 GB of memory and disk

The servers are those of the tests: real ones, started here out of the packages for developers. Vectors lie as
faces do, and probes as far from them as another photo of the same person. One thread asks, one probe at a time.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvs.arrays import Ids, Vectors
from rvs.evaluation.machine import this_machine
from rvs.gallery.build import DEFAULT_TREES
from rvs.gallery.verify import realistic_probes
from rvs.vectors.annoy_index import AnnoyVectorIndex, build_annoy, recall_at_k
from rvs.vectors.exact_index import ExactIndex
from rvs.vectors.index import VectorIndex
from rvs.vectors.milvus_index import Milvus
from rvs.vectors.remote_index import RemoteIndex
from rvs.vectors.server import Collection, VectorServer
from rvs.vectors.tuning import narrowest
from tests.search_servers import Postgres, RealMilvus, missing_milvus, missing_postgres
from tests.vectors.crowd import crowd

ENGINES = ("annoy", "milvus", "pgvector")
_NEIGHBOURS = 10
_PHOTOS_EACH = 4
_SPREAD = 0.3  # as photos of one person
_TIMED = 300  # searches
_TIMEOUT_S = 60.0
_MIB = 1 << 20
_ANNOY_WIDTHS = tuple(500 * 2**step for step in range(14))

Stored = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one engine.

    Attributes:
        engine: its name.
        vectors, dimension: what it was built over.
        build_s: until it could be searched.
        width, recall_at_10: the narrowest search that reached the target, and what it found.
        p50_ms, p95_ms: of a search for ten neighbours, re-ranking included.
        memory_mib: what the server holds, shared pages counted once; of Annoy, the mapped file.
        disk_mib: what it keeps on disk; of the servers, all their data.
    """

    engine: str
    vectors: int
    dimension: int
    build_s: float
    width: int
    recall_at_10: float
    p50_ms: float
    p95_ms: float
    memory_mib: float
    disk_mib: float


@dataclass(frozen=True, slots=True)
class Task:
    """What every engine gets."""

    vectors: Stored
    probes: Vectors
    truth: Ids
    target: float


def measured(
    task: Task,
    engine: str,
    build: Callable[[], None],
    opened: Callable[[int], VectorIndex],
    widths: tuple[int, ...],
    held_mib: Callable[[], tuple[float, float]],
) -> Row:
    """Build, look for the width, take the time."""
    started = time.perf_counter()
    build()
    build_s = time.perf_counter() - started

    def recall(width: int) -> float:
        return recall_at_k(opened(width).search(task.probes, _NEIGHBOURS)[0], task.truth)

    width, reached = narrowest(widths, recall, task.target)
    index = opened(width)
    times = []
    for number in range(_TIMED):
        probe = task.probes[number % len(task.probes)][None]
        began = time.perf_counter()
        index.search(probe, _NEIGHBOURS)
        times.append((time.perf_counter() - began) * 1000)
    p50, p95 = np.percentile(times, [50, 95])
    memory_mib, disk_mib = held_mib()
    return Row(
        engine=engine,
        vectors=len(task.vectors),
        dimension=task.vectors.shape[1],
        build_s=round(build_s, 1),
        width=width,
        recall_at_10=round(reached, 4),
        p50_ms=round(float(p50), 2),
        p95_ms=round(float(p95), 2),
        memory_mib=round(memory_mib),
        disk_mib=round(disk_mib),
    )


def annoy(task: Task, trees: int) -> Row:
    """The forest, in a temporary file."""
    with tempfile.TemporaryDirectory(prefix="rvs-bench-") as folder:
        path = Path(folder) / "forest"

        def held() -> tuple[float, float]:
            size = path.stat().st_size / _MIB
            return size, size

        return measured(
            task,
            f"annoy, {trees} trees",
            lambda: build_annoy(task.vectors, path, trees),
            lambda width: AnnoyVectorIndex(path, task.vectors, width),
            _ANNOY_WIDTHS,
            held,
        )


def served(task: Task, server: VectorServer, pids: list[int], folder: Path) -> Row:
    """A collection on a server."""
    collection = Collection("bench", "hnsw", len(task.vectors))
    return measured(
        task,
        server.engine,
        lambda: server.fill(collection, task.vectors, _told(server.engine)),
        lambda width: RemoteIndex(server, collection, task.vectors, width, _TIMEOUT_S),
        server.widths("hnsw"),
        lambda: (proportional_mib(pids), size_mib(folder)),
    )


@contextmanager
def milvus() -> Iterator[tuple[VectorServer, list[int], Path]]:
    """A Milvus, its processes' parents, its folder."""
    real = RealMilvus()
    try:
        yield Milvus(real.uri), [real.pid], real.folder / "data" / "data"
    finally:
        real.close()


@contextmanager
def pgvector() -> Iterator[tuple[VectorServer, list[int], Path]]:
    """A PostgreSQL, likewise; with the memory that somebody would give it for a million vectors."""
    from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

    real = Postgres({"shared_buffers": "1GB", "max_wal_size": "4GB"})
    try:
        yield PgVector(real.dsn), [real.pid], real.folder / "data"
    finally:
        real.close()


def proportional_mib(pids: list[int]) -> float:
    """Memory of processes and all their children; a page that several share counts once (Linux)."""
    total = 0.0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            threads = list(Path(f"/proc/{pid}/task").iterdir())
            children = [child for one in threads for child in (one / "children").read_text("ascii").split()]
        except OSError:
            continue  # ended meanwhile
        pss_kib = next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
        total += int(pss_kib) / 1024 + proportional_mib([int(child) for child in children])
    return total


def size_mib(folder: Path) -> float:
    """What lies in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / _MIB


def gallery(count: int, dimension: int) -> Stored:
    """So many vectors that lie as faces do."""
    people = -(-count // _PHOTOS_EACH)
    return crowd(people, _PHOTOS_EACH, dimension=dimension, spread=_SPREAD)[:count].astype(np.float16)


def _told(engine: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{engine}: {done:,} of {total:,}", end="", file=sys.stderr)

    return tell


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--trees", type=int, default=DEFAULT_TREES, help="of Annoy")
    parser.add_argument("--recall", type=float, default=0.95, help="recall@10 to reach")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    vectors = gallery(given.vectors, given.dimension)
    probes = realistic_probes(vectors)
    truth, _ = ExactIndex(vectors).search(probes, _NEIGHBOURS)
    task = Task(vectors, probes, truth, given.recall)
    rows: list[Row] = []
    for engine in given.engines.split(","):
        if engine == "annoy":
            rows.append(annoy(task, given.trees))
        elif why := missing_milvus() if engine == "milvus" else missing_postgres():
            print(f"{engine}: {why}", file=sys.stderr)
            continue
        else:
            with milvus() if engine == "milvus" else pgvector() as (server, pids, folder):
                rows.append(served(task, server, pids, folder))
        print(json.dumps(asdict(rows[-1])), flush=True)
    if given.json is not None:
        document = {
            "machine": asdict(this_machine()),
            "recall": given.recall,
            "rows": [asdict(row) for row in rows],
        }
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
