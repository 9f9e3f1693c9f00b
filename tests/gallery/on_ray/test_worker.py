"""What runs in a worker, here without Ray: it needs the right networks, and makes one shard of a list."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.errors import RebuildFailedError
from rvs.faces.face import Face
from rvs.gallery.embed import NO_FACE, FolderFiles
from rvs.gallery.on_ray.shards import FolderShards, read_all
from rvs.gallery.on_ray.worker import ShardEmbedder, WorkerPlan, hash_files
from rvs.photo import PhotoLimits, read_photo
from tests.gallery.small import FINGERPRINT, Patches, make_gallery, photo_path, pipeline_of_patches, save

pytest.importorskip("pyarrow", reason="the extra is not installed: pip install lookalike[ray]")


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    root = make_gallery(tmp_path / "gallery", range(3), 2)
    save(Image.new("RGB", (64, 64)), photo_path(root, 7, 1))
    return root


@pytest.fixture
def plan(gallery: Path, tmp_path: Path) -> WorkerPlan:
    return WorkerPlan(
        load=partial(pipeline_of_patches),
        fingerprint=FINGERPRINT,
        files=FolderFiles(gallery),
        shards=FolderShards(tmp_path / "shards"),
        run="1",
        face_choice="largest",
        limits=PhotoLimits(),
    )


def batch(*lists: list[str]) -> dict[str, list[object]]:
    return {"number": list(range(len(lists))), "files": [json.dumps(files) for files in lists]}


def test_a_shard_per_list(plan: WorkerPlan, gallery: Path) -> None:
    files = [f"Person_0{person}/{photo}.png" for person in range(3) for photo in (1, 2)]
    rows = ShardEmbedder(plan)(batch(files[:2], files[2:]))
    assert rows["photos"] == [2, 4]
    assert sorted(rows["shard"]) == plan.shards.names()
    done = read_all(plan.shards)
    assert set(done) == {read_photo(gallery / file).sha256 for file in files}


def test_doing_a_list_again_adds_nothing(plan: WorkerPlan) -> None:
    first = ShardEmbedder(plan)(batch(["Person_00/1.png", "Person_01/1.png"]))
    (name,) = plan.shards.names()
    before = plan.shards.read(name)
    assert ShardEmbedder(plan)(batch(["Person_00/1.png", "Person_01/1.png"])) == first
    assert plan.shards.names() == [name]
    assert plan.shards.read(name) == before


def test_what_cannot_be_used_is_an_outcome_and_what_cannot_be_read_is_none(
    plan: WorkerPlan, gallery: Path
) -> None:
    (gallery / "Person_00" / "text.png").write_text("This is not a photo.")
    files = ["Person_00/text.png", "Person_00/gone.png", "Person_07/1.png", "Person_01/2.png"]
    rows = ShardEmbedder(plan)(batch(files))
    (name,) = rows["shard"]
    assert rows["unreadable"] == ['["Person_00/gone.png"]']
    done = read_all(plan.shards)
    assert name
    assert sorted(one.reason for one in done.values())[1:] == [NO_FACE, "This is text, not a photo."]
    assert len(done) == 3


def test_nothing_readable_makes_no_shard(plan: WorkerPlan) -> None:
    rows = ShardEmbedder(plan)(batch(["gone/1.png"]))
    assert rows == {"shard": [""], "photos": [1], "unreadable": ['["gone/1.png"]']}
    assert plan.shards.names() == []


class TestDeath:
    """Of a worker: here an exception that nobody catches."""

    FILES = ("Person_00/1.png", "Person_01/1.png", "Person_02/1.png")

    def _worker(self, plan: WorkerPlan, gallery: Path, fatal: str = "") -> ShardEmbedder:
        deadly = read_photo(gallery / fatal).pixels if fatal else None

        class Mortal(Patches):
            def detect(self, pixels: Pixels) -> list[Face]:
                if deadly is not None and np.array_equal(pixels, deadly):
                    raise SystemExit(9)
                return super().detect(pixels)

        return ShardEmbedder(replace(plan, load=lambda: replace(pipeline_of_patches(), detector=Mortal())))

    def test_a_photo_that_kills_its_workers_ends_the_build_by_name(
        self, plan: WorkerPlan, gallery: Path
    ) -> None:
        for _ in range(5):
            with pytest.raises(SystemExit):
                self._worker(plan, gallery, "Person_01/1.png")(batch(list(self.FILES)))
        with pytest.raises(RebuildFailedError, match=r"5 workers have died over Person_01/1\.png"):
            self._worker(plan, gallery)(batch(list(self.FILES)))

    def test_earlier_runs_do_not_count(self, plan: WorkerPlan, gallery: Path) -> None:
        for run in "123456":
            with pytest.raises(SystemExit):
                self._worker(replace(plan, run=run), gallery, "Person_01/1.png")(batch(list(self.FILES)))
        assert self._worker(replace(plan, run="7"), gallery)(batch(list(self.FILES)))["shard"] != [""]

    def test_who_comes_after_a_death_makes_the_same_shard(self, plan: WorkerPlan, gallery: Path) -> None:
        rows = self._worker(plan, gallery)(batch(list(self.FILES)))
        (name,) = rows["shard"]
        expected = plan.shards.read(name)
        plan.shards.delete()
        with pytest.raises(SystemExit):
            self._worker(plan, gallery, "Person_02/1.png")(batch(list(self.FILES)))
        assert self._worker(plan, gallery)(batch(list(self.FILES))) == rows
        assert plan.shards.read(name) == expected


def test_other_networks_are_refused(plan: WorkerPlan) -> None:
    with pytest.raises(RebuildFailedError, match="other networks"):
        ShardEmbedder(replace(plan, fingerprint="f" * 16))


def test_hashes_keep_their_place(gallery: Path) -> None:
    rows = hash_files(batch(["Person_01/1.png", "gone.png"], ["Person_00/1.png"]), FolderFiles(gallery))
    assert rows["number"] == [0, 1]
    first, second = (json.loads(hashes) for hashes in rows["hashes"])
    assert first == [read_photo(gallery / "Person_01/1.png").sha256, ""]
    assert second == [read_photo(gallery / "Person_00/1.png").sha256]
    assert np.array(rows["number"]).dtype.kind == "i"
