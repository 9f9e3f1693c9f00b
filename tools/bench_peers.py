"""Measure rvs against what people use today: the same photos, the same run, in turns. `make bench-peers` runs it.

Every program is a process of its own (`tools.peers`); those that are not ours run in `.cache/peers/venv`. One that
cannot be started, or fails, is in the report with the reason.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rvs.arrays import Pixels
from rvs.engine import gallery_photos, load_settings_pipeline
from rvs.evaluation.bench_photos import BenchPhoto, make_gallery, make_photos
from rvs.evaluation.bench_plots import check_plots
from rvs.evaluation.machine import this_machine
from rvs.gallery.store import Store
from rvs.gallery.version import PHOTOS, VECTORS, Version
from rvs.photo import read_photo
from rvs.settings import load_settings
from tools.peers.comparison import Comparison, rows
from tools.peers.contenders import BATCH, CONTENDERS, Contender
from tools.peers.race import Race, Worker, WorkerError, run
from tools.peers.report import claim, markdown, write_report
from tools.peers.worker import Setup
from tools.sample_photo import sample_photo

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".cache" / "peers"
PYTHON = KEPT / "venv" / "bin" / "python"
_ASKED_WITH = ("250 px", "1 MP", "4 MP")
_SEED = 1


@dataclass(frozen=True, slots=True)
class Field:
    """Who is ready to be measured, and why the others are not, by the worker."""

    ready: Mapping[tuple[str, ...], Worker] = field(hash=False)
    failed: Mapping[tuple[str, ...], str] = field(hash=False)

    def race(self, contenders: Sequence[Contender], photos: Mapping[str, Sequence[str]], rounds: int) -> Race:
        """Measure those that are ready; those that are not have failed with every photo."""
        workers = {one: self.ready[one.worker] for one in contenders if one.worker in self.ready}
        measured = run(workers, photos, rounds, _SEED, _tell)
        absent = {
            (one.name, photo): self.failed[one.worker]
            for one in contenders
            if one.worker in self.failed
            for photo in photos
        }
        return Race(measured.turns, {**measured.failed, **absent})

    def facts(
        self, contenders: Sequence[Contender]
    ) -> tuple[dict[str, Mapping[str, str]], dict[str, Mapping[str, float]]]:
        """Versions of packages, and what is not in the times, by the contender's name."""
        ready = {one.name: self.ready[one.worker] for one in contenders if one.worker in self.ready}
        return (
            {name: worker.versions for name, worker in ready.items()},
            {name: worker.once_ms for name, worker in ready.items()},
        )


@contextmanager
def started(contenders: Sequence[Contender], setup: Setup) -> Iterator[Field]:
    """One process for each worker, loaded one after the other; they end with the block."""
    with ExitStack() as stack:
        ready: dict[tuple[str, ...], Worker] = {}
        failed: dict[tuple[str, ...], str] = {}
        for number, one in enumerate(contenders):
            if one.worker in ready or one.worker in failed:
                continue
            _tell(f"starting {' '.join(one.worker)}")
            python = sys.executable if one.environment == "project" else str(PYTHON)
            log = Path(setup.scratch) / f"worker-{number}.log"
            try:
                worker = stack.enter_context(Worker((python, "-m", *one.worker), ROOT, log))
                worker.load(setup)
            except FileNotFoundError:
                failed[one.worker] = "Its environment is not there; `make bench-peers` makes it."
            except WorkerError as error:
                failed[one.worker] = str(error)
            else:
                ready[one.worker] = worker
        yield Field(ready, failed)


def measure(rounds: int, batch_rounds: int, batch_photos: int) -> Comparison:
    """Everything."""
    settings = load_settings()
    options = settings.inference_options()
    version = Store(settings.index_dir / settings.index).open_current()
    gallery = gallery_photos(settings).root
    portrait = read_photo(sample_photo()).pixels
    pipeline = load_settings_pipeline(settings)
    made = {one.name: one for one in make_photos(portrait, pipeline, settings.photo_limits())}
    asked_with = [made[name] for name in _ASKED_WITH]
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as scratch:
        setup = Setup(
            scratch=scratch,
            kept=str(KEPT),
            vectors=str(version.folder / VECTORS),
            photo_list=str(version.folder / PHOTOS),
            lfw=str(gallery or ""),
            workers=options.threads,
        )
        photos = {one.name: [_written(one, Path(scratch))] for one in asked_with}
        many = _gallery(version, gallery, portrait, batch_photos, Path(scratch))
        with started((*CONTENDERS, *BATCH), setup) as contenders:
            queries = contenders.race(CONTENDERS, photos, rounds)
            batch = contenders.race(BATCH, {"index": many}, batch_rounds)
            facts = contenders.facts((*CONTENDERS, *BATCH))
    return Comparison(
        format=1,
        machine=this_machine(),
        runtime=options.runtime,
        precision=options.precision,
        rounds=rounds,
        batch_rounds=batch_rounds,
        seed=_SEED,
        vectors=len(version.vectors),
        gallery_here=gallery is not None,
        photos=tuple(one.facts for one in asked_with),
        rows=rows(CONTENDERS, queries, tuple(photos), *facts),
        batch_photos=len(many),
        batch_source="LFW" if gallery else "the portrait",
        batch=rows(BATCH, batch, ("index",), *facts),
    )


def _gallery(version: Version, root: Path | None, portrait: Pixels, count: int, scratch: Path) -> list[str]:
    """Photos for an index: of LFW, spread over all of it, or copies of the portrait."""
    if root is not None:
        step = max(1, len(version.photos) // count)
        return [str(root / photo.file) for photo in version.photos[::step][:count]]
    make_gallery(scratch / "gallery", portrait, count)
    return sorted(str(path) for path in (scratch / "gallery").rglob("*.jpg"))


def _written(photo: BenchPhoto, folder: Path) -> str:
    path = folder / f"{photo.name.replace(' ', '-')}.jpg"
    path.write_bytes(photo.jpeg)
    return str(path)


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=14, help="how often everything is measured (14)")
    parser.add_argument("--batch-rounds", type=int, default=3, help="how often an index is built (3)")
    parser.add_argument("--batch-photos", type=int, default=128, help="of how many photos (128)")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write peers.json, peers.md and a chart there"
    )
    asked = parser.parse_args()
    if asked.report is not None:
        check_plots()
    comparison = measure(asked.rounds, asked.batch_rounds, asked.batch_photos)
    if asked.report is None:
        print(markdown(comparison))
        return
    write_report(comparison, asked.report)
    print(claim(comparison))


if __name__ == "__main__":
    main()
