"""A build on a Ray cluster gives what a build on one machine gives, whatever dies meanwhile.

The cluster is two raylets of this machine, on loopback; the networks are the real ones.
"""

import importlib.util
import ipaddress
import json
import os
import secrets
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.gallery.build import Builder
from rvs.gallery.store import Store
from rvs.gallery.version import Version, open_version
from rvs.inference import InferenceOptions
from rvs.pipeline import Pipeline
from tests.gallery.on_ray.driver import SHARD_PHOTOS
from tests.gallery.on_ray.processes import command, descendants, kill, listening
from tests.gallery.small import save, unheard

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="the extra is not installed: pip install lookalike[ray]",
    ),
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system has no /proc"),
]

REPOSITORY = Path(__file__).parents[3]
FACES = 100
FILES = FACES + 5
CONTENTS = FILES - 1  # one is there twice
LISTS = -(-CONTENTS // SHARD_PHOTOS)
_PATIENCE_S = 120


def environment(**more: str) -> dict[str, str]:
    """Of everything that is started here: this checkout, on loopback only."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "RVS_"))}
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    return own | {"PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"} | more


@dataclass
class Nodes:
    """A cluster of two nodes."""

    process: "subprocess.Popen[str]"
    environment: dict[str, str]
    address: str
    raylets: list[int]

    def workers(self, node: int) -> list[int]:
        """The processes on a node that embed."""
        return [pid for pid in descendants(self.raylets[node]) if "ShardEmbedder" in command(pid)]

    def kill_node(self, node: int) -> None:
        """The raylet and all of its workers, at once."""
        kill(descendants(self.raylets.pop(node)))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    own = environment(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",  # only then it keeps to loopback
    )
    with (
        (tmp_path_factory.mktemp("cluster") / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.gallery.on_ray.two_nodes"],
            cwd=REPOSITORY,
            env=own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        started = json.loads(process.stdout.readline())
        yield Nodes(process, own, started["address"], started["raylets"])
        process.stdin.close()
        try:
            process.wait(60)
        finally:
            kill(descendants(process.pid))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, astronaut: Pixels) -> Path:
    """Photos of one face from all sides, a wall, a text, and the same photo twice."""
    root = tmp_path_factory.mktemp("ray") / "gallery"
    rng = np.random.default_rng(1)
    whole = Image.fromarray(astronaut)
    for number in range(FACES):
        left, top, side = rng.integers(60, 130), rng.integers(0, 30), rng.integers(220, 300)
        photo = whole.crop((int(left), int(top), int(left + side), int(top + side))).resize((200, 200))
        bright = float(rng.uniform(0.6, 1.3))
        save(
            photo.point(lambda value, by=bright: value * by),
            root / f"Eileen_{number % 9}" / f"{number:03d}.jpg",
        )
    save(whole.crop((0, 380, 130, 510)), root / "Nobody" / "wall.png")
    (root / "Nobody" / "text.jpg").write_text("This is not a photo.")
    (root / "Nobody" / "empty.jpg").write_bytes(b"")
    save(whole, root / "Twice" / "1.png")
    (root / "Twice" / "2.png").write_bytes((root / "Twice" / "1.png").read_bytes())
    return root


@pytest.fixture(scope="module")
def local(
    gallery: Path, pipeline: Pipeline, options: InferenceOptions, tmp_path_factory: pytest.TempPathFactory
) -> Version:
    """What a build on one machine makes of it."""
    store = Store(tmp_path_factory.mktemp("local") / "index")
    return open_version(Builder(store, pipeline, options, "largest", trees=4).build(gallery, unheard).version)


@dataclass
class Build:
    """A build that runs, and the shards that its workers have left."""

    process: "subprocess.Popen[str]"
    index: Path

    def shards(self) -> list[Path]:
        return list(self.index.glob(".journal-*/*.parquet"))

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """Until something is so, while the build goes on."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended: {self.process.communicate()}")
            if found := what():
                return found
            time.sleep(0.05)
        raise AssertionError("it took too long")

    def end(self) -> dict[str, Any]:
        said, complained = self.process.communicate(timeout=_PATIENCE_S)
        assert said, complained
        answer: dict[str, Any] = json.loads(said)
        return answer

    @property
    def version(self) -> Version:
        return open_version(Store(self.index).current())


@pytest.fixture
def begin(nodes: Nodes, gallery: Path, cache_dir: Path, tmp_path: Path) -> Iterator[Callable[..., Build]]:
    """Begins a build on the cluster."""
    begun: list[subprocess.Popen[str]] = []

    def start(**more: str) -> Build:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.gallery.on_ray.driver"],
            cwd=REPOSITORY,
            env=nodes.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        told = {"gallery": str(gallery), "index": str(tmp_path / "index"), "cache_dir": str(cache_dir)}
        assert process.stdin is not None
        process.stdin.write(json.dumps(told | {"address": nodes.address} | more) + "\n")
        process.stdin.flush()
        return Build(process, tmp_path / "index")

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def same(built: Version, local: Version) -> None:
    """Bit for bit: photos and reasons in order, vectors, and the forest over them."""
    assert built.photos == local.photos
    assert built.misses == local.misses
    np.testing.assert_array_equal(built.vectors.view(np.uint16), local.vectors.view(np.uint16))
    assert built.manifest.files == local.manifest.files
    assert built.manifest.forest == local.manifest.forest
    assert built.manifest.gallery_digest == local.manifest.gallery_digest


def test_whatever_dies(nodes: Nodes, begin: Callable[..., Build], local: Version) -> None:
    """A worker, then what drives the build, and in the next one a whole node."""
    first = begin()
    first.wait_for(lambda: len(first.shards()) >= 3 and nodes.workers(0) and nodes.workers(1))
    kill(nodes.workers(0))
    before = len(first.shards())
    first.wait_for(lambda: len(first.shards()) >= before + 2)
    first.process.kill()
    first.process.communicate()
    time.sleep(1)  # Ray ends the workers of a driver that is gone; one may just be writing
    left = first.shards()
    assert len(left) <= LISTS - 10, "that was not the middle"
    left[0].write_bytes(left[0].read_bytes()[:100])  # as a store leaves it that is not atomic

    second = begin()
    second.wait_for(lambda: len(second.shards()) >= len(left) + 3 and nodes.workers(1))
    nodes.kill_node(1)
    assert len(second.shards()) <= LISTS - 3, "that was not the middle"
    answer = second.end()

    # Whole shards were kept; nothing was done but what was missing.
    assert FILES - answer["embedded"] == answer["reused"]
    assert SHARD_PHOTOS <= answer["embedded"] <= CONTENTS - SHARD_PHOTOS * (len(left) - 2)
    same(second.version, local)
    contents = Counter(photo.sha256 for photo in second.version.photos)
    assert sorted(contents.values()) == [1] * (FACES) + [2], "complete and unique"
    assert not list(second.index.glob(".journal*")), "the shards have served"


def test_workers_with_other_networks_end_the_build(begin: Callable[..., Build]) -> None:
    build = begin(fingerprint="0" * 16)
    assert "A worker has other networks than the machine that builds." in build.end()["error"]
    assert build.process.returncode == 1
    assert not list(build.index.glob("2*")), "no version"


def test_a_cluster_of_its_own_takes_a_url_and_keeps_to_loopback(
    gallery: Path, cache_dir: Path, local: Version, tmp_path: Path
) -> None:
    """The command, with a cluster that it starts and ends, over photos in an archive that fsspec opens."""
    archive = tmp_path / "crew.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for photo in gallery.rglob("*.*"):
            file.write(photo, photo.relative_to(gallery))
    shards = tmp_path / "shards"
    line = f"-m rvs index build --gallery zip://::file://{archive} --index crew --trees 4 --on ray"
    with subprocess.Popen(
        [sys.executable, *line.split(), "--shards", str(shards), "--json"],
        cwd=tmp_path,
        env=environment(RVS_CACHE_DIR=str(cache_dir), RVS_INDEX_DIR=str(tmp_path), RVS_PRECISION="f32"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        seen: set[str] = set()
        started: set[int] = set()
        while process.poll() is None:
            tree = descendants(process.pid)
            started |= set(tree)
            seen |= listening(tree)
            time.sleep(0.4)
        said, complained = process.communicate()
    assert process.returncode == 0, complained
    report = json.loads(said)
    assert (report["embedded"], report["photos"]) == (CONTENTS, local.manifest.photos)
    same(open_version(Store(tmp_path / "crew").current()), local)
    assert seen, "Ray listens somewhere"
    assert all(ipaddress.ip_address(address).is_loopback for address in seen), seen
    assert not list(shards.rglob("*.parquet"))
    assert not [pid for pid in started if "raylet" in command(pid)], "it is gone with the build"
