"""`photos.json`: what is written is what is read, whatever is in a name, and however many there are."""

import json
from pathlib import Path

import pytest

from rvs.faces.face import Box
from rvs.gallery.photo_list import Miss, PhotoRecord, read_photos, write_photos

NAMES = ["Zoë Ünal", '], "misses": [', "two\nlines", "line\u2028separator", 'a "quote"', "\\", "名前", ","]


def records(count: int) -> list[PhotoRecord]:
    return [
        PhotoRecord(NAMES[n % len(NAMES)], f"{n}.jpg", f"{n:064x}", Box(n, 1.5, n + 2, 3) if n % 3 else None)
        for n in range(count)
    ]


@pytest.mark.parametrize("photos", [0, 1, 255, 256, 257, 1000])
@pytest.mark.parametrize("misses", [0, 1, 300])
def test_what_is_written_is_read(tmp_path: Path, photos: int, misses: int) -> None:
    written = records(photos)
    missed = [Miss(NAMES[n % len(NAMES)], f"{n}.gif", "", "it is empty") for n in range(misses)]
    write_photos(tmp_path / "photos.json", written, missed)
    assert read_photos(tmp_path / "photos.json") == (tuple(written), tuple(missed))


def test_it_is_json_with_a_line_per_photo(tmp_path: Path) -> None:
    path = tmp_path / "photos.json"
    write_photos(path, records(9), [])
    text = path.read_text(encoding="utf-8")
    assert len(json.loads(text)["photos"]) == 9
    assert text.count("\n") == 9 + 4


@pytest.mark.parametrize("cut", [0, 1, 14, 100, -1, -2, -3])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "photos.json"
    write_photos(path, records(5), [])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"."):
        read_photos(path)
