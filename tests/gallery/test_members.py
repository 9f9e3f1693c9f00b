"""Adding and removing people of a gallery: whole or not at all, never over anything, and for good."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rvs.errors import ConfigError, GalleryMissingError, LookalikeError, NoFaceError, PhotoError
from rvs.gallery.folder import list_photos
from rvs.gallery.members import Added, add_photos, remove_person
from rvs.photo import PhotoLimits
from rvs.whole_files import finish_removals
from tests.gallery.small import builder, draw, make_gallery, photo_path, pipeline_of_patches, save, unheard


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Two people with two photos each."""
    return make_gallery(tmp_path / "gallery", range(2), 2)


def _add(root: Path, person: str, *photos: Path, limits: PhotoLimits | None = None) -> Added:
    return add_photos(root, person, photos, pipeline_of_patches(), limits or PhotoLimits())


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


class TestAdd:
    def test_a_new_person(self, gallery: Path, tmp_path: Path) -> None:
        one, two = save(draw(8), tmp_path / "one.png"), save(draw(8, photo=2), tmp_path / "two.jpg")
        added = _add(gallery, "Ada  Lovelace", one, two)
        assert added == Added("Ada Lovelace", ("Ada_Lovelace/one.png", "Ada_Lovelace/two.jpg"), (), ())
        assert (gallery / "Ada_Lovelace" / "one.png").read_bytes() == one.read_bytes()
        assert "Ada Lovelace" in {photo.person for photo in list_photos(gallery)}

    def test_a_gallery_that_is_not_there_yet(self, tmp_path: Path) -> None:
        _add(tmp_path / "new" / "gallery", "Ada", save(draw(8), tmp_path / "one.png"))
        assert _files(tmp_path / "new" / "gallery") == ["Ada/one.png"]

    @pytest.mark.parametrize("name", ["Person 00", "Person_00", " Person  00 "])
    def test_somebody_who_is_there_keeps_their_folder(self, gallery: Path, tmp_path: Path, name: str) -> None:
        added = _add(gallery, name, save(draw(0, photo=9), tmp_path / "new.png"))
        assert added.files == ("Person_00/new.png",)

    def test_a_name_that_is_spelled_in_another_way(self, gallery: Path, tmp_path: Path) -> None:
        (gallery / "Zoe\u0308 U\u0308nal").mkdir()
        added = _add(gallery, "Zo\u00eb_\u00dcnal", save(draw(8), tmp_path / "one.png"))
        assert added.files == ("Zoe\u0308 U\u0308nal/one.png",)
        assert added.person == "Zo\u00eb \u00dcnal"

    def test_nothing_is_overwritten(self, gallery: Path, tmp_path: Path) -> None:
        before = photo_path(gallery, 0, 1).read_bytes()
        added = _add(
            gallery,
            "Person 00",
            save(draw(0, photo=8), tmp_path / "a" / "1.png"),
            save(draw(0, photo=9), tmp_path / "b" / "1.png"),
        )
        assert added.files == ("Person_00/1-2.png", "Person_00/1-3.png")
        assert photo_path(gallery, 0, 1).read_bytes() == before

    def test_a_photo_this_person_has_is_not_added_again(self, gallery: Path, tmp_path: Path) -> None:
        known = Path(shutil.copy(photo_path(gallery, 0, 1), tmp_path / "other name.png"))
        new = save(draw(0, photo=9), tmp_path / "new.png")
        again = Path(shutil.copy(new, tmp_path / "again.png"))
        added = _add(gallery, "Person 00", known, new, again)
        assert (added.files, added.known) == (("Person_00/new.png",), (known, again))
        assert _add(gallery, "Person 00", new).files == ()

    def test_another_person_may_have_the_same_photo(self, gallery: Path) -> None:
        assert _add(gallery, "Twin", photo_path(gallery, 0, 1)).files == ("Twin/1.png",)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("photo", "photo.jpg"),
            ("photo.JFIF", "photo.jpg"),
            (".hidden.jpg", "hidden.jpg"),
            ("photo.JPG", "photo.jpg"),
            ("x" * 240 + ".jpg", "x" * 200 + ".jpg"),
        ],
    )
    def test_what_it_is_called_lets_a_build_see_it(
        self, gallery: Path, tmp_path: Path, name: str, expected: str
    ) -> None:
        draw(8).save(tmp_path / name, format="JPEG")
        assert _add(gallery, "Ada", tmp_path / name).files == (f"Ada/{expected}",)
        assert f"Ada/{expected}" in {photo.file for photo in list_photos(gallery)}

    def test_several_faces_are_told(self, gallery: Path, tmp_path: Path) -> None:
        added = _add(gallery, "Ada", save(draw(8, 9), tmp_path / "two.png"))
        assert added.crowded == added.files

    def test_it_can_be_built(self, gallery: Path, tmp_path: Path) -> None:
        build = builder(tmp_path / "index").build
        build(gallery, unheard)
        _add(gallery, "Ada", save(draw(8), tmp_path / "one.png"))
        report = build(gallery, unheard)
        assert (report.embedded, report.people, report.misses) == (1, 3, ())


class TestRefused:
    def _text(self, path: Path) -> None:
        path.write_text("This is not a photo.")

    def _cut(self, path: Path) -> None:
        draw(8).save(path, format="JPEG", quality=95)
        path.write_bytes(path.read_bytes()[:700])

    def _wall(self, path: Path) -> None:
        Image.new("RGB", (64, 64)).save(path, format="PNG")

    def _large(self, path: Path) -> None:
        draw(8).resize((500, 500)).save(path, format="PNG")

    @pytest.mark.parametrize(
        ("make", "error"),
        [
            (_text, PhotoError),
            (_cut, PhotoError),
            (_wall, NoFaceError),
            (_large, PhotoError),
            (lambda _, path: path.write_bytes(b""), PhotoError),
            (lambda _, path: path.mkdir(), PhotoError),
            (lambda *_: None, PhotoError),
        ],
    )
    @pytest.mark.parametrize("person", ["Person 00", "Ada"])
    def test_one_bad_photo_and_nothing_is_added(
        self,
        gallery: Path,
        tmp_path: Path,
        make: Callable[["TestRefused", Path], object],
        error: type[LookalikeError],
        person: str,
    ) -> None:
        before = _files(gallery)
        make(self, tmp_path / "bad.png")
        good = save(draw(0, photo=9), tmp_path / "good.png")
        with pytest.raises(error, match=r"bad\.png"):
            _add(gallery, person, good, tmp_path / "bad.png", limits=PhotoLimits(max_pixels=100_000))
        assert _files(gallery) == before
        assert not (gallery / "Ada").exists()

    @pytest.mark.parametrize(
        "name",
        [
            "",
            " ",
            "_",
            "..",
            ".hidden",
            "a/b",
            "../x",
            "a\\b",
            "/etc",
            "a\0b",
            "a\nb\x07",
            "C:x",
            "\udcff",
            "x" * 201,
        ],
    )
    def test_a_name_that_is_none(self, gallery: Path, tmp_path: Path, name: str) -> None:
        before = _files(tmp_path)
        with pytest.raises(ConfigError):
            _add(gallery, name, photo_path(gallery, 0, 1))
        assert _files(tmp_path) == before

    def test_no_photos(self, gallery: Path) -> None:
        with pytest.raises(ConfigError):
            _add(gallery, "Ada")

    def test_lfw_stays_as_it_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(11):
            name = f"P{number:04d}"
            save(draw(number), tmp_path / "lfw" / name / f"{name}_0001.jpg")
        _add(tmp_path / "lfw", "Ada", save(draw(8), tmp_path / "one.png"))  # a few may be called like those
        monkeypatch.setattr("rvs.gallery.members._PEOPLE_OF_LFW", 10)
        with pytest.raises(ConfigError, match="LFW"):
            _add(tmp_path / "lfw", "Ada", save(draw(8), tmp_path / "one.png"))
        with pytest.raises(ConfigError, match="LFW"):
            remove_person(tmp_path / "lfw", "P0001")
        assert (tmp_path / "lfw" / "P0001").is_dir()

    @pytest.mark.parametrize("person", ["Person 00", "Ada"])
    @pytest.mark.parametrize("number", [1, 2])
    def test_a_full_disk_leaves_nothing_half(
        self, gallery: Path, tmp_path: Path, person: str, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = _files(gallery)
        photos = [save(draw(0, photo=20 + count), tmp_path / f"{count}.png") for count in range(2)]
        really = os.fsync
        left = iter(range(number - 1))

        def full(descriptor: int) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            really(descriptor)

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                _add(gallery, person, *photos)
        assert _files(gallery) == before
        assert sorted(path.name for path in gallery.iterdir()) == ["Person_00", "Person_01"]

    def test_a_photo_that_changes_while_it_is_added(
        self, gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = _files(gallery)
        photo = save(draw(8), tmp_path / "one.png")
        really = finish_removals

        def meanwhile(root: Path) -> None:
            photo.write_bytes(b"something else")
            really(root)

        monkeypatch.setattr("rvs.gallery.members.finish_removals", meanwhile)
        with pytest.raises(PhotoError, match="changed"):
            _add(gallery, "Ada", photo)
        assert _files(gallery) == before


class TestRemove:
    def test_all_folders_that_read_like_it(self, gallery: Path, tmp_path: Path) -> None:
        save(draw(0, photo=5), gallery / "Person 00" / "deep" / "5.png")
        assert remove_person(gallery, "Person  00") == 3
        assert _files(gallery) == ["Person_01/1.png", "Person_01/2.png"]
        assert sorted(path.name for path in gallery.iterdir()) == ["Person_01"]

    def test_nobody_of_that_name(self, gallery: Path) -> None:
        before = _files(gallery)
        for name in ("Ada", "..", ".", "", "Person_00/..", "*"):
            with pytest.raises(GalleryMissingError):
                remove_person(gallery, name)
        with pytest.raises(GalleryMissingError) as caught:
            remove_person(gallery, "person 00")
        assert "Person 00" in caught.value.hint
        with pytest.raises(GalleryMissingError):
            remove_person(gallery / "nothing", "Ada")
        assert _files(gallery) == before

    def test_the_same_photo_of_another_person_stays(self, gallery: Path, tmp_path: Path) -> None:
        shutil.copy(photo_path(gallery, 0, 1), photo_path(gallery, 1, 9))
        build = builder(tmp_path / "index").build
        build(gallery, unheard)
        remove_person(gallery, "Person 00")
        report = build(gallery, unheard)
        assert (report.embedded, report.people, report.photos) == (0, 1, 3)

    def test_one_that_was_killed_is_finished_by_the_next(self, gallery: Path, tmp_path: Path) -> None:
        (gallery / "Person_00").rename(gallery / ".0123456789ab.gone")
        assert {photo.person for photo in list_photos(gallery)} == {"Person 01"}
        _add(gallery, "Ada", save(draw(8), tmp_path / "one.png"))
        assert not (gallery / ".0123456789ab.gone").exists()

    def test_a_link_to_a_folder_elsewhere_is_not_followed(self, gallery: Path, tmp_path: Path) -> None:
        kept = make_gallery(tmp_path / "elsewhere", [5], 1)
        (gallery / "Linked").symlink_to(kept / "Person_05")
        with pytest.raises(GalleryMissingError):
            remove_person(gallery, "Linked")
        assert _files(kept) == ["Person_05/1.png"]
