"""Any folder `Person/photo.jpg` is a gallery."""

import logging
import os
import sys
import unicodedata
from pathlib import Path

import pytest

from rvs.errors import GalleryMissingError
from rvs.gallery.folder import GalleryPhoto, list_photos, person_name


def _touch(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_people_and_files_in_order_of_the_files(tmp_path: Path) -> None:
    _touch(tmp_path, "Bo/2.png", "Abel_Pacheco/b.JPG", "Bo/1.heic", "Abel_Pacheco/a.jpeg", "Bo/10.webp")
    assert list_photos(tmp_path) == [
        GalleryPhoto("Abel Pacheco", "Abel_Pacheco/a.jpeg"),
        GalleryPhoto("Abel Pacheco", "Abel_Pacheco/b.JPG"),
        GalleryPhoto("Bo", "Bo/1.heic"),
        GalleryPhoto("Bo", "Bo/10.webp"),
        GalleryPhoto("Bo", "Bo/2.png"),
    ]


def test_folders_inside_a_person_belong_to_that_person(tmp_path: Path) -> None:
    _touch(tmp_path, "Ada_Lovelace/1843/young/a.jpg", "Ada_Lovelace/b.jpg", "Ada_Lovelace/1852/.thumbs/c.jpg")
    assert list_photos(tmp_path) == [
        GalleryPhoto("Ada Lovelace", "Ada_Lovelace/1843/young/a.jpg"),
        GalleryPhoto("Ada Lovelace", "Ada_Lovelace/b.jpg"),
    ]


def test_folders_that_read_the_same_are_one_person(tmp_path: Path) -> None:
    _touch(tmp_path, "Abel_Pacheco/1.jpg", "Abel Pacheco/2.jpg", "_Abel__Pacheco_/3.jpg")
    assert {photo.person for photo in list_photos(tmp_path)} == {"Abel Pacheco"}
    assert len(list_photos(tmp_path)) == 3


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Abel_Pacheco", "Abel Pacheco"),
        ("  Bo ", "Bo"),
        ("Zoë", "Zoë"),
        (unicodedata.normalize("NFD", "José_Álvarez"), "José Álvarez"),
        ("李_小龙", "李 小龙"),
        ("two\nlines", "two lines"),
        ("___", "___"),
    ],
)
def test_names_as_people_read_them(folder: str, name: str) -> None:
    assert person_name(folder) == unicodedata.normalize("NFC", name)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS decides itself how names are spelled on disk")
def test_files_are_spelled_as_on_the_disk(tmp_path: Path) -> None:
    spelled = unicodedata.normalize("NFD", "José/é.jpg")
    _touch(tmp_path, spelled)
    (photo,) = list_photos(tmp_path)
    assert photo.file == spelled
    assert (tmp_path / photo.file).is_file()


def test_junk_is_left_out(tmp_path: Path) -> None:
    _touch(tmp_path, "Bo/1.jpg", "loose.jpg", "README.md", ".git/a.jpg", "Bo/.DS_Store", "Bo/Thumbs.db")
    _touch(tmp_path, "Bo/._1.jpg", "Bo/notes.txt", "Bo/jpg", "Bo/.jpg", "Bo/clip.mp4", "Empty_Folder/x.txt")
    (tmp_path / "Bo" / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "Bo" / "pipe.jpg")
    assert list_photos(tmp_path) == [GalleryPhoto("Bo", "Bo/1.jpg")]


def test_ten_thousand_pieces_of_junk_do_not_matter(tmp_path: Path) -> None:
    _touch(tmp_path, "Bo/1.jpg", *(f"Bo/{number}.tmp" for number in range(10_000)))
    assert list_photos(tmp_path) == [GalleryPhoto("Bo", "Bo/1.jpg")]


def test_links_do_not_lead_out_of_the_gallery(tmp_path: Path) -> None:
    root, outside = tmp_path / "gallery", tmp_path / "gallery-private"
    _touch(root, "Bo/1.jpg", ".store/2.jpg")
    _touch(outside, "Eve/secret.jpg")
    (root / "Bo" / "linked-inside.jpg").symlink_to(root / ".store" / "2.jpg")
    (root / "Bo" / "linked-outside.jpg").symlink_to(outside / "Eve" / "secret.jpg")
    (root / "Bo" / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "Bo" / "loop").symlink_to(root)
    (root / "Eve").symlink_to(outside / "Eve")
    assert [photo.file for photo in list_photos(root)] == ["Bo/1.jpg", "Bo/linked-inside.jpg"]


def test_the_gallery_itself_may_be_a_link(tmp_path: Path) -> None:
    _touch(tmp_path / "disk", "Bo/1.jpg", "Bo/.2.jpg")
    (tmp_path / "disk" / "Bo" / "3.jpg").symlink_to("1.jpg")
    (tmp_path / "gallery").symlink_to("disk")
    assert [photo.file for photo in list_photos(tmp_path / "gallery")] == ["Bo/1.jpg", "Bo/3.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are not Unicode")
def test_a_name_that_is_not_unicode_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _touch(tmp_path, "Bo/1.jpg")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/Bo/\xff.jpg")).write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert list_photos(tmp_path) == [GalleryPhoto("Bo", "Bo/1.jpg")]
    assert "not Unicode" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _touch(tmp_path, "Bo/1.jpg", "Eve/1.jpg")
    (tmp_path / "Eve").chmod(0)
    try:
        with caplog.at_level(logging.WARNING):
            assert list_photos(tmp_path) == [GalleryPhoto("Bo", "Bo/1.jpg")]
    finally:
        (tmp_path / "Eve").chmod(0o700)
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "has no photos"),
        (["Bo/notes.txt", ".hidden/1.jpg"], "has no photos"),
        (["1.jpg", "2.jpg"], "no folder per person"),
        (["1.jpg", "Bo/notes.txt"], "no folder per person"),
    ],
)
def test_a_folder_that_is_no_gallery_is_told_the_layout(
    tmp_path: Path, files: list[str], sentence: str
) -> None:
    _touch(tmp_path, *files)
    with pytest.raises(GalleryMissingError, match=sentence) as caught:
        list_photos(tmp_path)
    assert "Ada_Lovelace/portrait.jpg" in caught.value.hint


def test_a_gallery_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissingError, match="does not exist"):
        list_photos(tmp_path / "missing")
    _touch(tmp_path, "file")
    with pytest.raises(GalleryMissingError, match="is not a folder"):
        list_photos(tmp_path / "file")


def test_the_real_lfw() -> None:
    folder = os.environ.get("RVS_LFW_DIR")
    if not folder:
        pytest.skip("RVS_LFW_DIR is not set: the folder with the photos of LFW")
    photos = list_photos(Path(folder))
    assert len(photos) == 13233
    assert len({photo.person for photo in photos}) == 5749
    assert GalleryPhoto("Abdel Aziz Al-Hakim", "Abdel_Aziz_Al-Hakim/Abdel_Aziz_Al-Hakim_0001.jpg") in photos
