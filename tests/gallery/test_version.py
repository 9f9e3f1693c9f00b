"""A version is opened whole or refused in one sentence; it never crashes, and it never answers with nonsense."""

import dataclasses
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rvs.errors import GalleryCorruptError, GalleryError, GalleryMismatchError, GalleryMissingError
from rvs.faces.face import Box
from rvs.gallery.photo_list import Miss, PhotoRecord
from rvs.gallery.version import (
    FOREST,
    MANIFEST,
    PHOTOS,
    VECTORS,
    Manifest,
    open_version,
    read_manifest,
    record_files,
    write_manifest,
)
from rvs.vectors.annoy_index import build_annoy
from tests.gallery.small import DIMENSION, FINGERPRINT, builder, draw, make_gallery, save, unheard

FILES = (PHOTOS, VECTORS, FOREST)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a version over three people with two photos each, and two photos without a face."""
    root = tmp_path_factory.mktemp("version")
    gallery = make_gallery(root / "gallery", range(3), 2)
    save(draw(1), gallery / "Zoë_Ünal" / "1.png")
    (gallery / "Zoë_Ünal" / "text.jpg").write_text("not a photo")
    (gallery / "Zoë_Ünal" / "zero.jpg").write_bytes(b"")
    return builder(root / "index").build(gallery, unheard).version


@pytest.fixture
def version(built: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(built, tmp_path / built.name))


def _edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file; `change` edits in place or returns another document. There is no seal on it then."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document.pop("seal", None)
    changed = change(document)
    path.write_text(_written(document if changed is None else changed), encoding="utf-8")


def _written(document: Any) -> str:
    """As the program writes it: the list of photos has a line for each."""
    if not isinstance(document, dict) or not all(
        isinstance(document.get(key), list) for key in ("photos", "misses")
    ):
        return json.dumps(document)
    photos, misses = (",\n".join(map(json.dumps, document[key])) for key in ("photos", "misses"))
    return f'{{"photos": [\n{photos}\n], "misses": [\n{misses}\n]}}\n'


def _sign_again(folder: Path) -> None:
    """Make the manifest agree with the files, as a program with a mistake in it would write them."""
    write_manifest(folder / MANIFEST, dataclasses.replace(read_manifest(folder), files=record_files(folder)))


class TestSound:
    def test_what_was_built_is_what_is_opened(self, version: Path) -> None:
        opened = open_version(version, fingerprint=FINGERPRINT)
        assert opened.folder == version
        assert opened.manifest.photos == len(opened.photos) == len(opened.vectors) == 7
        assert opened.manifest.people == len(opened.people) == 4
        assert opened.people == ("Person 00", "Person 01", "Person 02", "Zoë Ünal")
        assert opened.person_of.tolist() == [0, 0, 1, 1, 2, 2, 3]
        assert opened.photos_of.tolist() == [2, 2, 2, 1]
        assert opened.photos[1].file == "Person_00/2.png"
        assert opened.photos[1].person == "Person 00"
        assert isinstance(opened.photos[1].face_box, Box)
        assert [(miss.person, miss.file) for miss in opened.misses] == [
            ("Zoë Ünal", "Zoë_Ünal/text.jpg"),
            ("Zoë Ünal", "Zoë_Ünal/zero.jpg"),
        ]
        assert all(isinstance(record, PhotoRecord) for record in opened.photos)
        assert all(isinstance(miss, Miss) and miss.reason for miss in opened.misses)
        assert opened.vectors.dtype == np.float16
        assert opened.vectors.shape == (7, DIMENSION)

    def test_vectors_are_mapped_and_cannot_be_changed(self, version: Path) -> None:
        vectors = open_version(version).vectors
        assert isinstance(vectors, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            vectors[0, 0] = 0

    def test_both_indexes_are_over_its_vectors(self, version: Path) -> None:
        opened = open_version(version)
        probes = np.asarray(opened.vectors, np.float32)
        for index in (opened.index("annoy"), opened.index("exact")):
            ids, distances = index.search(probes, 2)
            assert len(index) == 7
            assert ids[:, 0].tolist() == list(range(7))
            assert distances[:, 0].max() < 1e-3

    def test_rows_by_content(self, version: Path) -> None:
        opened = open_version(version)
        assert opened.rows_of_content(opened.photos[3].sha256) == {3}
        assert opened.rows_of_content("0" * 64) == frozenset()

    def test_a_manifest_survives_its_file(self, version: Path) -> None:
        manifest = read_manifest(version)
        write_manifest(version / MANIFEST, manifest)
        assert read_manifest(version) == manifest
        assert manifest.version == version.name
        assert set(manifest.files) == set(FILES)

    def test_photos_are_one_line_each_for_diff(self, version: Path) -> None:
        lines = (version / PHOTOS).read_text(encoding="utf-8").splitlines()
        assert sum("Person_01/2.png" in line for line in lines) == 1
        assert any("Zoë_Ünal/1.png" in line for line in lines)  # readable, not escaped
        assert len(lines) == 7 + 2 + 3

    def test_a_copy_elsewhere_is_as_good(self, version: Path, tmp_path: Path) -> None:
        moved = shutil.move(version, tmp_path / "moved")
        assert open_version(Path(moved), fingerprint=FINGERPRINT).people


class TestDamagedFiles:
    @pytest.fixture(params=FILES)
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def _refused(self, version: Path, name: str) -> None:
        with pytest.raises(GalleryCorruptError, match=name) as caught:
            open_version(version)
        assert "rvs index build" in caught.value.hint

    def test_missing(self, version: Path, name: str) -> None:
        (version / name).unlink()
        self._refused(version, name)

    def test_a_folder_instead(self, version: Path, name: str) -> None:
        (version / name).unlink()
        (version / name).mkdir()
        self._refused(version, name)

    @pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
    def test_truncated(self, version: Path, name: str, keep: float) -> None:
        data = (version / name).read_bytes()
        (version / name).write_bytes(data[: int(len(data) * keep)])
        self._refused(version, name)

    def test_grown(self, version: Path, name: str) -> None:
        with (version / name).open("ab") as file:
            file.write(b"\0")
        self._refused(version, name)

    @pytest.mark.parametrize("place", [0.0, 0.3, 0.999])
    def test_one_bit_flipped(self, version: Path, name: str, place: float) -> None:
        data = bytearray((version / name).read_bytes())
        data[int(len(data) * place)] ^= 1
        (version / name).write_bytes(data)
        self._refused(version, name)

    def test_a_foreign_file_of_the_same_size(self, version: Path, name: str) -> None:
        size = (version / name).stat().st_size
        (version / name).write_bytes(np.random.default_rng(0).bytes(size))
        self._refused(version, name)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_unreadable(self, version: Path, name: str) -> None:
        (version / name).chmod(0)
        self._refused(version, name)


class TestWronglyMadeFiles:
    """Files that are as the manifest says, and wrong all the same."""

    @pytest.mark.parametrize(
        "vectors",
        [
            np.zeros((6, DIMENSION), np.float16),
            np.zeros((7, DIMENSION + 1), np.float16),
            np.zeros((7, DIMENSION), np.float32),
            np.zeros(7 * DIMENSION, np.float16),
            np.zeros((7, DIMENSION), np.complex64),
            np.array(3, np.float16),
        ],
    )
    def test_vectors_of_another_shape(self, version: Path, vectors: np.ndarray[Any, Any]) -> None:
        np.save(version / VECTORS, vectors)
        _sign_again(version)
        with pytest.raises(GalleryCorruptError, match=VECTORS):
            open_version(version)

    @pytest.mark.parametrize("kind", ["archive", "pickle", "text", "empty", "cut off"])
    def test_vectors_that_are_none(self, version: Path, kind: str) -> None:
        path = version / VECTORS
        whole = path.read_bytes()
        if kind == "archive":
            np.savez(version / "other.npz", vectors=np.zeros((7, DIMENSION), np.float16))
            (version / "other.npz").rename(path)
        elif kind == "pickle":
            np.save(path, np.array([{"a": 1}] * 7, dtype=object))
        else:
            path.write_bytes({"text": b"vectors", "empty": b"", "cut off": whole[:-10]}[kind])
        _sign_again(version)
        with pytest.raises(GalleryCorruptError, match=VECTORS):
            open_version(version)

    @pytest.mark.parametrize(
        "change",
        [
            lambda found: found["photos"].pop(),
            lambda found: found["photos"].append(found["photos"][0]),
            lambda found: found["misses"].pop(),
            lambda found: found["misses"].append(found["misses"][0]),
        ],
        ids=["photo less", "photo more", "miss less", "miss more"],
    )
    def test_another_number_of_photos(self, version: Path, change: Callable[[Any], object]) -> None:
        _edit(version / PHOTOS, lambda found: change(found) and None)
        _sign_again(version)
        with pytest.raises(GalleryCorruptError, match="as many photos"):
            open_version(version)

    @pytest.mark.parametrize(
        "change",
        [
            lambda _: [],
            lambda _: 7,
            lambda found: found.pop("misses") and None,
            lambda found: found.update(photos={}),
            lambda found: found.update(photos=[None] * 7),
            lambda found: found["photos"][2].update(person=None),
            lambda found: found["photos"][2].update(person=5),
            lambda found: found["photos"][2].update(file=["a"]),
            lambda found: found["photos"][2].update(face_box=[1, 2, 3, 4]),
            lambda found: found["photos"][2].update(face_box={"x0_px": 1}),
            lambda found: found["photos"][2]["face_box"].update(x0_px="1"),
            lambda found: found["photos"][2].pop("sha256") and None,
            lambda found: found["misses"][0].update(reason=False),
        ],
    )
    def test_photos_of_another_form(self, version: Path, change: Callable[[Any], object]) -> None:
        _edit(version / PHOTOS, change)
        _sign_again(version)
        with pytest.raises(GalleryCorruptError, match=PHOTOS):
            open_version(version)

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"photos": ' * 100_000])
    def test_photos_that_are_not_json(self, version: Path, text: bytes) -> None:
        (version / PHOTOS).write_bytes(text)
        _sign_again(version)
        with pytest.raises(GalleryCorruptError, match=PHOTOS):
            open_version(version)

    @pytest.mark.parametrize("photos", [6, 8, 100])
    def test_a_forest_over_another_number_of_photos(self, version: Path, photos: int) -> None:
        """Annoy would propose rows that are not there."""
        others = np.random.default_rng(0).standard_normal((photos, DIMENSION)).astype(np.float32)
        build_annoy(others, version / FOREST, trees=2)
        _sign_again(version)
        with pytest.raises(GalleryCorruptError, match=FOREST):
            open_version(version).index("annoy")

    @pytest.mark.parametrize("data", [b"", b"forest", bytes(4096)])
    def test_a_forest_that_is_none(self, version: Path, data: bytes) -> None:
        (version / FOREST).write_bytes(data)
        _sign_again(version)
        with pytest.raises(GalleryCorruptError, match=FOREST):
            open_version(version).index("annoy")

    def test_a_forest_that_goes_away_after_the_check(self, version: Path) -> None:
        opened = open_version(version)
        (version / FOREST).unlink()
        with pytest.raises(GalleryCorruptError, match=FOREST):
            opened.index("annoy")


class TestManifest:
    def test_no_folder_and_no_manifest_is_no_version(self, version: Path, tmp_path: Path) -> None:
        (version / MANIFEST).unlink()
        for folder in (version, tmp_path / "nothing"):
            with pytest.raises(GalleryMissingError):
                open_version(folder)

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"\0" * 1000,
            b"\xff\xfe\x00",
            b"{",
            b"null",
            b"[]",
            b"1",
            b'"manifest"',
            b"{}",
            b'{"format_version": 1}',
            b"[" * 100_000,
            b'{"format_version": ' + b"[" * 100_000,
            b'{"format_version": 1, "version": ' + b"[" * 150 + b"]" * 150 + b"}",
            b'{"format_version": 1' + b"0" * 5000 + b"}",
        ],
    )
    def test_garbage(self, version: Path, text: bytes) -> None:
        (version / MANIFEST).write_bytes(text)
        with pytest.raises(GalleryError):
            read_manifest(version)
        with pytest.raises(GalleryCorruptError if b"00000" not in text else GalleryError):
            open_version(version)

    def test_a_folder_instead(self, version: Path) -> None:
        (version / MANIFEST).unlink()
        (version / MANIFEST).mkdir()
        with pytest.raises(GalleryCorruptError):
            open_version(version)

    @pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
    def test_truncated(self, version: Path, keep: float) -> None:
        data = (version / MANIFEST).read_bytes()
        (version / MANIFEST).write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(GalleryCorruptError):
            open_version(version)

    def test_cut_anywhere_and_with_any_byte_changed_it_is_refused_or_right(self, version: Path) -> None:
        """What cannot be told from a sound manifest still opens, with vectors that are as they were."""
        data = (version / MANIFEST).read_bytes()
        before = np.array(open_version(version).vectors)
        chance = random.Random(1)  # noqa: S311
        for _ in range(300):
            changed = bytearray(data)
            changed[chance.randrange(len(data))] = chance.randrange(256)
            (version / MANIFEST).write_bytes(changed)
            try:
                opened = open_version(version)
                opened.index("annoy").search(before[:1].astype(np.float32), 3)
            except GalleryError:
                continue
            np.testing.assert_array_equal(opened.vectors, before)

    def test_any_bit_flipped_it_is_refused_or_the_same(self, version: Path) -> None:
        data = (version / MANIFEST).read_bytes()
        sound = read_manifest(version)
        refused = 0
        for bit in random.Random(2).sample(range(8 * len(data)), 2000):  # noqa: S311
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            (version / MANIFEST).write_bytes(changed)
            try:
                assert read_manifest(version) == sound  # white space, or the name of the seal
            except GalleryError:
                refused += 1
        assert refused > 1600

    def test_one_from_before_there_were_seals(self, version: Path) -> None:
        before = open_version(version).manifest
        _edit(version / MANIFEST, dict)
        assert "seal" not in (version / MANIFEST).read_text()
        assert open_version(version).manifest == before

    @pytest.mark.parametrize("number", [0, 2, 99, "1", None, 1.5, [1], True])
    def test_another_format(self, version: Path, number: object) -> None:
        _edit(version / MANIFEST, lambda found: found.update(format_version=number))
        with pytest.raises((GalleryMismatchError, GalleryCorruptError)) as caught:
            open_version(version)
        if number in (2, 99):
            assert isinstance(caught.value, GalleryMismatchError)
            assert f"format {number}" in caught.value.message

    @pytest.mark.parametrize(
        "wrong",
        [
            {"photos": "7"},
            {"photos": 7.5},
            {"photos": None},
            {"dimension": [48]},
            {"dimension": "48"},
            {"pipeline": 1},
            {"fingerprint": None},
            {"face_choice": "smallest"},
            {"forest": {}},
            {"forest": {"trees": 4, "search_k": "2000", "recall_at_10": 1.0}},
            {"forest": {"trees": 4, "search_k": 10**30, "recall_at_10": 1.0}},
            {"forest": {"trees": 4, "search_k": -5, "recall_at_10": 1.0}},
            {"timings_s": [1]},
            {"timings_s": {"embed": "long"}},
            {"software": None},
            {"files": {}},
            {"files": {"vectors.npy": 5}},
            {"files": None},
        ],
    )
    def test_wrong_values(self, version: Path, wrong: dict[str, object]) -> None:
        _edit(version / MANIFEST, lambda found: found.update(wrong))
        with pytest.raises(GalleryCorruptError):
            open_version(version)

    @pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Manifest)])
    def test_a_field_missing(self, version: Path, field: str) -> None:
        _edit(version / MANIFEST, lambda found: found.pop(field) and None)
        with pytest.raises(GalleryCorruptError):
            open_version(version)

    @pytest.mark.parametrize("counted", ["photos", "misses", "dimension"])
    @pytest.mark.parametrize("by", [-1, 1, 10**9])
    def test_counts_that_are_not_those_of_the_files(self, version: Path, counted: str, by: int) -> None:
        _edit(version / MANIFEST, lambda found: found.update({counted: found[counted] + by}))
        with pytest.raises(GalleryCorruptError):
            open_version(version)

    @pytest.mark.parametrize("name", FILES)
    def test_sizes_and_hashes_that_are_not_those_of_the_files(self, version: Path, name: str) -> None:
        whole = (version / MANIFEST).read_text(encoding="utf-8")
        for wrong in ({"bytes": 1}, {"bytes": -1}, {"bytes": 10**12}, {"sha256": "0" * 64}, {"sha256": ""}):
            document = json.loads(whole)
            del document["seal"]
            document["files"][name].update(wrong)
            (version / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
            with pytest.raises(GalleryCorruptError, match=name):
                open_version(version)

    @pytest.mark.parametrize("path", ["../photos.json", "/etc/hostname", "photos.json/../x"])
    def test_it_can_name_no_other_files(self, version: Path, path: str) -> None:
        _edit(version / MANIFEST, lambda found: found["files"].update({path: found["files"].pop(PHOTOS)}))
        with pytest.raises(GalleryCorruptError, match="other files"):
            open_version(version)


class TestOtherPipelines:
    def test_only_the_pipeline_that_made_it_opens_it(self, version: Path) -> None:
        with pytest.raises(GalleryMismatchError, match="patches \\+ colours") as caught:
            open_version(version, fingerprint="f" * 16)
        assert "--pipeline" in caught.value.hint

    def test_who_does_not_search_may_open_any(self, version: Path) -> None:
        assert open_version(version).manifest.fingerprint == FINGERPRINT

    def test_that_is_said_before_damage_is_looked_for(self, version: Path) -> None:
        """Hashing megabytes would only delay it."""
        (version / VECTORS).unlink()
        with pytest.raises(GalleryMismatchError):
            open_version(version, fingerprint="f" * 16)
