"""Where LFW is, whether it is whole, and its pairs."""

import os
from pathlib import Path

import pytest

from rvs.errors import ConfigError, GalleryMissingError
from rvs.gallery.lfw import Pair, check_lfw, find_lfw, find_pairs, is_lfw, photo_file, read_pairs

JPEG = b"\xff\xd8 a face \xff\xd9"


def _lfw(root: Path, **people: int) -> Path:
    for person, count in people.items():
        (root / person).mkdir(parents=True)
        for number in range(1, count + 1):
            (root / photo_file(person, number)).write_bytes(JPEG)
    return root


def _real(variable: str, what: str) -> Path:
    place = os.environ.get(variable)
    if not place:
        pytest.skip(f"{variable} is not set: {what}")
    return Path(place)


class TestFind:
    def test_the_folder_of_the_settings_comes_first(self, tmp_path: Path) -> None:
        mine = _lfw(tmp_path / "mine", Abel_Pacheco=1)
        _lfw(tmp_path / "data" / "lfw", Abel_Pacheco=1)
        assert find_lfw(mine, tmp_path / "data") == mine
        assert find_lfw(None, tmp_path / "data") == tmp_path / "data" / "lfw"

    def test_nothing_is_found_where_nothing_is(self, tmp_path: Path) -> None:
        assert find_lfw(None, tmp_path) is None
        (tmp_path / "lfw" / "Abel_Pacheco").mkdir(parents=True)
        assert find_lfw(None, tmp_path) is None

    def test_a_setting_that_is_wrong_is_an_error(self, tmp_path: Path) -> None:
        _lfw(tmp_path / "data" / "lfw", Abel_Pacheco=1)
        for wrong in (tmp_path / "missing", tmp_path):
            with pytest.raises(GalleryMissingError, match="not an LFW folder") as caught:
                find_lfw(wrong, tmp_path / "data")
            assert "rvs lfw fetch" in caught.value.hint

    def test_one_folder_too_high_is_said_so(self, tmp_path: Path) -> None:
        inner = _lfw(tmp_path / "lfw_funneled", Abel_Pacheco=1)
        with pytest.raises(GalleryMissingError) as caught:
            find_lfw(tmp_path, tmp_path)
        assert caught.value.hint == f"Set RVS_LFW_DIR to {inner}."

    def test_another_gallery_is_not_lfw(self, tmp_path: Path) -> None:
        (tmp_path / "Bo").mkdir()
        (tmp_path / "Bo" / "portrait.jpg").write_bytes(JPEG)
        assert not is_lfw(tmp_path)

    def test_pairs(self, tmp_path: Path) -> None:
        assert find_pairs(None, tmp_path) is None
        fetched = tmp_path / "lfw_pairs.txt"
        fetched.write_text("1 1")
        assert find_pairs(None, tmp_path) == fetched
        assert find_pairs(fetched, tmp_path / "elsewhere") == fetched
        with pytest.raises(ConfigError, match="no such file"):
            find_pairs(tmp_path / "missing.txt", tmp_path)


class TestCheck:
    def test_whole(self, tmp_path: Path) -> None:
        _lfw(tmp_path, Abel_Pacheco=4, Bo=1)
        (tmp_path / "pairs.txt").write_text("lists may lie about")
        (tmp_path / "Bo" / "Thumbs.db").write_bytes(b"junk")
        report = check_lfw(tmp_path, people=2, photos=5)
        assert report.complete
        assert (report.people, report.photos, report.problems) == (2, 5, ())

    def test_too_few_and_too_many(self, tmp_path: Path) -> None:
        _lfw(tmp_path, Abel_Pacheco=4, Bo=1)
        report = check_lfw(tmp_path)
        assert not report.complete
        assert (report.missing_people, report.missing_photos) == (5747, 13228)
        report = check_lfw(tmp_path, people=1, photos=3)
        assert not report.complete
        assert (report.extra_people, report.extra_photos, report.missing_photos) == (1, 2, 0)

    @pytest.mark.parametrize(
        ("damage", "sentence"),
        [
            (b"", "Bo/Bo_0002.jpg is empty"),
            (b"\xff", "Bo/Bo_0002.jpg is not a JPEG"),
            (b"<html>", "Bo/Bo_0002.jpg is not a JPEG"),
            (JPEG[:-1], "Bo/Bo_0002.jpg is cut off"),
            (JPEG[:3], "Bo/Bo_0002.jpg is cut off"),
        ],
    )
    def test_damage(self, tmp_path: Path, damage: bytes, sentence: str) -> None:
        _lfw(tmp_path, Bo=3)
        (tmp_path / "Bo" / "Bo_0002.jpg").write_bytes(damage)
        report = check_lfw(tmp_path, people=1, photos=3)
        assert report.problems == (sentence,)
        assert not report.complete

    def test_a_gap_in_the_numbers(self, tmp_path: Path) -> None:
        _lfw(tmp_path, Bo=3)
        (tmp_path / "Bo" / "Bo_0002.jpg").unlink()
        report = check_lfw(tmp_path, people=1, photos=2)
        assert report.problem_count == 1
        assert "gaps in its numbering" in report.problems[0]
        assert not report.complete

    def test_wrong_names(self, tmp_path: Path) -> None:
        _lfw(tmp_path, Bo=1)
        for wrong in ("Eve_0001.jpg", "Bo_2.jpg", "copy.jpg"):
            (tmp_path / "Bo" / wrong).write_bytes(JPEG)
        report = check_lfw(tmp_path, people=1, photos=1)
        assert report.photos == 1
        assert report.problem_count == 3
        assert "Bo/Eve_0001.jpg is not named like LFW's photos" in report.problems

    def test_a_person_without_photos(self, tmp_path: Path) -> None:
        _lfw(tmp_path, Bo=1, Eve=0)
        report = check_lfw(tmp_path, people=1, photos=1)
        assert report.people == 1
        assert report.problems == ("Eve has no photos",)

    def test_a_link_to_nowhere_cannot_be_read(self, tmp_path: Path) -> None:
        _lfw(tmp_path, Bo=1)
        (tmp_path / "Bo" / "Bo_0002.jpg").symlink_to("nowhere")
        report = check_lfw(tmp_path, people=1, photos=2)
        assert "Bo/Bo_0002.jpg cannot be read" in report.problems[0]

    def test_only_the_first_problems_are_told(self, tmp_path: Path) -> None:
        _lfw(tmp_path, **{f"Person_{number}": 0 for number in range(30)})
        report = check_lfw(tmp_path, most_problems=7)
        assert report.problem_count == 30
        assert len(report.problems) == 7

    def test_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(GalleryMissingError, match="no readable LFW folder"):
            check_lfw(tmp_path / "missing")

    def test_the_real_one_is_whole(self) -> None:
        report = check_lfw(_real("RVS_LFW_DIR", "the folder with the photos of LFW"))
        assert report.complete, report.problems


class TestPairs:
    GOOD = "2\t1\nAbel_Pacheco\t1\t4\nBo\t1\tEve\t2\nEve\t2\t1\nEve\t12\tAbdullah_al-Attiyah\t3\n"

    def test_two_folds(self, tmp_path: Path) -> None:
        assert self._read(tmp_path, self.GOOD) == [
            Pair("Abel_Pacheco/Abel_Pacheco_0001.jpg", "Abel_Pacheco/Abel_Pacheco_0004.jpg", True, 0),
            Pair("Bo/Bo_0001.jpg", "Eve/Eve_0002.jpg", False, 0),
            Pair("Eve/Eve_0002.jpg", "Eve/Eve_0001.jpg", True, 1),
            Pair("Eve/Eve_0012.jpg", "Abdullah_al-Attiyah/Abdullah_al-Attiyah_0003.jpg", False, 1),
        ]

    def test_one_fold_as_in_pairs_dev(self, tmp_path: Path) -> None:
        assert [pair.fold for pair in self._read(tmp_path, "1\nBo\t1\t2\nBo\t1\tEve\t1\n")] == [0, 0]

    def test_line_ends_of_other_systems(self, tmp_path: Path) -> None:
        windows = "\ufeff" + self.GOOD.replace("\n", "\r\n") + "\r\n"
        assert self._read(tmp_path, windows) == self._read(tmp_path, self.GOOD)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "Line 1 .* how many folds"),
            ("ten\t300\n", "Line 1 .* how many folds"),
            ("0\t0\n", "Line 1 .* how many folds"),
            ("1\t2\t3\n", "Line 1 .* how many folds"),
            ("10\t300\nBo\t1\t2\n", "announces 6000 pairs, but has 1"),
            ("1\t1\nBo\t1\tEve\t1\nBo\t1\t2\n", 'Line 2 .*"name number number"'),
            ("1\t1\nBo\t1\t2\nBo\t1\t2\n", 'Line 3 .*"name number name number"'),
            ("1\t1\nBo\t1\t2\n\nBo\t1\tEve\t1", "announces 2 pairs, but has 3"),
            ("1\t1\nBo\t1\t0\nBo\t1\tEve\t1\n", "Line 2 .* between 1 and 9999"),
            ("1\t1\nBo\t1\t²\nBo\t1\tEve\t1\n", "Line 2 .* between 1 and 9999"),
            ("1\t1\n../Bo\t1\t2\nBo\t1\tEve\t1\n", "Line 2 .* names must be plain"),
            ("1\t1\nBo\t2\t2\nBo\t1\tEve\t1\n", "Line 2 .* must be different"),
            ("1\t1\nBo\t1\t2\nBo\t1\tBo\t2\n", "Line 3 .* must be different"),
        ],
    )
    def test_malformed(self, tmp_path: Path, text: str, sentence: str) -> None:
        with pytest.raises(ConfigError, match=sentence):
            self._read(tmp_path, text)

    def test_unreadable(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            read_pairs(tmp_path / "missing.txt")
        (tmp_path / "photo.jpg").write_bytes(JPEG)
        with pytest.raises(ConfigError, match="cannot be read"):
            read_pairs(tmp_path / "photo.jpg")

    def test_the_real_ones(self) -> None:
        pairs = read_pairs(_real("RVS_LFW_PAIRS", "LFW's pairs.txt"))
        assert len(pairs) == 6000
        for fold in range(10):
            of_fold = [pair for pair in pairs if pair.fold == fold]
            assert [pair.same for pair in of_fold] == [True] * 300 + [False] * 300

    def test_the_real_pairs_are_of_real_photos(self) -> None:
        root = _real("RVS_LFW_DIR", "the folder with the photos of LFW")
        pairs = read_pairs(_real("RVS_LFW_PAIRS", "LFW's pairs.txt"))
        named = {pair.first for pair in pairs} | {pair.second for pair in pairs}
        assert not [file for file in sorted(named) if not (root / file).is_file()]

    @staticmethod
    def _read(folder: Path, text: str) -> list[Pair]:
        path = folder / "pairs.txt"
        path.write_bytes(text.encode())
        return read_pairs(path)
