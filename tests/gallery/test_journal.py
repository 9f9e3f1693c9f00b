"""What a build has done survives whatever ends it."""

import json
import logging
import random
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from rvs.faces.face import Box
from rvs.gallery.journal import Embedded, Journal

BOX = Box(1.5, -2.25, 30.0, 41.0)


def _vector(seed: int, dimension: int = 8) -> Embedded:
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return Embedded((vector / np.linalg.norm(vector)).astype(np.float16), BOX, "")


def _same(first: Embedded, second: Embedded) -> bool:
    if (first.face_box, first.reason) != (second.face_box, second.reason):
        return False
    if first.vector is None or second.vector is None:
        return first.vector is second.vector
    return first.vector.dtype == second.vector.dtype and bool((first.vector == second.vector).all())


MISS = Embedded(None, None, "No face was found.")
WHOLE_IMAGE = Embedded(_vector(9).vector, None, "")


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("shard-*.npz"))


class TestKeeps:
    def test_what_was_added_is_there_after_re_opening(self, tmp_path: Path) -> None:
        outcomes = {"a": _vector(1), "b": MISS, "c": _vector(2), "d": WHOLE_IMAGE, "e": _vector(3)}
        journal = Journal(tmp_path / "journal")
        assert journal.outcomes == {}
        journal.add(list(outcomes.items())[:3])
        journal.add(list(outcomes.items())[3:])
        for found in (journal.outcomes, Journal(tmp_path / "journal").outcomes):
            assert found.keys() == outcomes.keys()
            assert all(_same(found[key], outcomes[key]) for key in outcomes)

    def test_each_addition_survives_by_itself(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "journal")
        for number in range(3):
            journal.add([(str(number), _vector(number))])
            assert set(Journal(tmp_path / "journal").outcomes) == {str(n) for n in range(number + 1)}
        assert len(_shards(tmp_path / "journal")) == 3

    def test_going_on_overwrites_nothing(self, tmp_path: Path) -> None:
        Journal(tmp_path / "j").add([("a", _vector(1))])
        Journal(tmp_path / "j").add([("b", _vector(2))])
        found = Journal(tmp_path / "j").outcomes
        assert _same(found["a"], _vector(1))
        assert _same(found["b"], _vector(2))

    def test_the_later_outcome_of_a_photo_counts(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.add([("a", MISS)])
        journal.add([("a", _vector(1))])
        assert _same(journal.outcomes["a"], _vector(1))
        assert _same(Journal(tmp_path).outcomes["a"], _vector(1))

    @pytest.mark.parametrize("outcomes", [{"a": MISS}, {"a": _vector(1)}, {"a": MISS, "b": MISS}])
    def test_only_misses_or_only_vectors(self, tmp_path: Path, outcomes: dict[str, Embedded]) -> None:
        Journal(tmp_path).add(outcomes.items())
        found = Journal(tmp_path).outcomes
        assert found.keys() == outcomes.keys()
        assert all(_same(found[key], outcomes[key]) for key in outcomes)

    def test_reasons_in_any_script(self, tmp_path: Path) -> None:
        Journal(tmp_path).add([("a", Embedded(None, None, "Zoë's photo (写真) is damaged."))])
        assert Journal(tmp_path).outcomes["a"].reason == "Zoë's photo (写真) is damaged."

    def test_nothing_new_writes_nothing(self, tmp_path: Path) -> None:
        Journal(tmp_path).add([])
        assert not _shards(tmp_path)

    def test_deleted_it_is_gone_and_may_be_deleted_again(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "journal")
        journal.add([("a", _vector(1))])
        journal.delete()
        journal.delete()
        assert not (tmp_path / "journal").exists()
        assert Journal(tmp_path / "journal").outcomes == {}

    def test_a_fresh_one_forgets(self, tmp_path: Path) -> None:
        Journal(tmp_path / "journal").add([("a", _vector(1))])
        journal = Journal(tmp_path / "journal", fresh=True)
        assert journal.outcomes == {}
        journal.add([("b", MISS)])
        assert set(Journal(tmp_path / "journal").outcomes) == {"b"}

    def test_a_disk_that_is_full_keeps_what_was_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal = Journal(tmp_path)
        journal.add([("a", _vector(1))])

        def full(path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("rvs.gallery.journal.write_whole", full)
            with pytest.raises(OSError, match="No space"):
                journal.add([("b", _vector(2))])
        assert set(journal.outcomes) == {"a"} == set(Journal(tmp_path).outcomes)
        journal.add([("b", _vector(2))])
        assert set(Journal(tmp_path).outcomes) == {"a", "b"}


def _archive(**arrays: object) -> bytes:
    file = BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _notes(document: object) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(document if isinstance(document, bytes) else json.dumps(document).encode(), np.uint8)


VECTORS = np.zeros((1, 8), np.float16)


class TestDamage:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A journal of three shards, the middle one to be damaged."""
        journal = Journal(tmp_path / "journal")
        for number in range(3):
            journal.add([(f"v{number}", _vector(number)), (f"m{number}", MISS)])
        return tmp_path / "journal"

    def _is_ignored_and_redone(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            journal = Journal(folder)
        assert set(journal.outcomes) == {"v0", "m0", "v2", "m2"}
        assert "shard-000001.npz" in caplog.text
        journal.add([("v1", _vector(1)), ("m1", MISS)])
        again = Journal(folder).outcomes
        assert set(again) == {"v0", "m0", "v1", "m1", "v2", "m2"}
        assert _same(again["v1"], _vector(1))

    @pytest.mark.parametrize("keep", [0.0, 0.01, 0.3, 0.7, 0.99])
    def test_truncated(self, folder: Path, caplog: pytest.LogCaptureFixture, keep: float) -> None:
        shard = _shards(folder)[1]
        data = shard.read_bytes()
        shard.write_bytes(data[: int(len(data) * keep)])
        self._is_ignored_and_redone(folder, caplog)

    @pytest.mark.parametrize(
        "data",
        [
            b"text",
            b"PK\x03\x04" + bytes(100),
            _archive(),
            _archive(vectors=VECTORS),
            _archive(vectors=VECTORS, notes=_notes(b"")),
            _archive(vectors=VECTORS, notes=_notes([])),
            _archive(vectors=VECTORS, notes=_notes({})),
            _archive(vectors=VECTORS, notes=_notes({"boxes": [], "misses": {}})),
            _archive(vectors=VECTORS, notes=_notes({"boxes": {"x": [1, 2, 3, 4]}, "misses": []})),
            _archive(vectors=VECTORS, notes=_notes({"boxes": {}, "misses": {}})),
            _archive(vectors=VECTORS, notes=_notes({"boxes": {"x": [1, 2]}, "misses": {}})),
            _archive(vectors=VECTORS, notes=_notes({"boxes": {"x": 5}, "misses": {}})),
            _archive(vectors=np.zeros(()), notes=_notes({"boxes": {"x": [1, 2, 3, 4]}, "misses": {}})),
            _archive(vectors=VECTORS, notes=_notes(b"[" * 100_000)),
            _archive(vectors=VECTORS, notes=_notes(b'{"boxes": ' * 100_000)),
            _archive(vectors=np.array([{}], object), notes=_notes({"boxes": {}, "misses": {}})),
        ],
    )
    def test_foreign(self, folder: Path, caplog: pytest.LogCaptureFixture, data: bytes) -> None:
        _shards(folder)[1].write_bytes(data)
        self._is_ignored_and_redone(folder, caplog)

    def test_any_byte_changed(self, folder: Path) -> None:
        """Whatever a disk does to a shard, the journal opens, and says nothing that was never added."""
        shard = _shards(folder)[1]
        data = shard.read_bytes()
        chance = random.Random(0)  # noqa: S311
        ignored = 0
        for _ in range(400):
            changed = bytearray(data)
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            shard.write_bytes(changed)
            found = Journal(folder).outcomes
            ignored += "v1" not in found
            for key in found.keys() - {"m0", "m1", "m2"}:
                assert _same(found[key], _vector(int(key[1:])))
        assert ignored > 200

    def test_a_folder_in_place_of_a_shard(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        shard = _shards(folder)[1]
        shard.unlink()
        shard.mkdir()
        self._is_ignored_and_redone(folder, caplog)

    @pytest.mark.parametrize(
        "name", ["shard-.npz", "shard-abc.npz", "shard-1 (copy).npz", "shard-000001.npz.bak", "notes.txt"]
    )
    def test_files_that_are_not_shards_are_left_alone(self, folder: Path, name: str) -> None:
        shutil.copy(_shards(folder)[0], folder / name)
        journal = Journal(folder)
        assert set(journal.outcomes) == {"v0", "m0", "v1", "m1", "v2", "m2"}
        journal.add([("x", MISS)])
        assert (folder / "shard-000003.npz").exists()
        assert (folder / name).exists()
