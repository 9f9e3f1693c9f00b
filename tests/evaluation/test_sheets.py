"""Contact sheets: the right photos are chosen, and what is on a sheet is them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.evaluation.contact_sheet import Cell, Sheet, draw_sheet, write_sheets
from rvs.evaluation.detection import Detection, Missed
from rvs.evaluation.retrieval import rank_probes
from rvs.evaluation.sheets import miss_sheet, retrieval_sheets
from rvs.gallery.version import Version
from tests.evaluation.made_version import made_version
from tests.vectors.crowd import crowd, owners


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    vectors = crowd(30, 3, dimension=6, spread=0.8)
    return made_version(tmp_path_factory.mktemp("sheets") / "v1", vectors, owners(30, 3))


def plain(colour: tuple[int, int, int]) -> Pixels:
    return np.full((250, 250, 3), colour, np.uint8)


def test_the_most_confident_mistakes_come_first(version: Version) -> None:
    sheet = next(
        one
        for one in retrieval_sheets(version, rank_probes(version.vectors, version.person_of))
        if one.name == "confident-mistakes"
    )
    vectors = version.vectors.astype(np.float64)
    far = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(far, np.inf)
    nearest = far.argmin(axis=1)
    wrong = sorted(
        (far[row, nearest[row]], row)
        for row in range(90)
        if version.person_of[nearest[row]] != version.person_of[row]
    )
    people: dict[str, str] = {}
    for _, row in wrong:
        people.setdefault(version.photos[row].person, version.photos[row].file)
    assert [row[0].file for row in sheet.rows] == list(people.values())[:12]

    for probe, *others in sheet.rows:
        row = next(number for number, photo in enumerate(version.photos) if photo.file == probe.file)
        closest = np.argsort(far[row])[:5]
        assert [cell.file for cell in others[:5]] == [version.photos[other].file for other in closest]
        same = [version.person_of[other] == version.person_of[row] for other in closest]
        assert [cell.kind == "same" for cell in others[:5]] == same
        assert others[0].kind == "other"
        # The last is the nearest photo of the same person.
        mates = [
            other for other in np.argsort(far[row]) if version.person_of[other] == version.person_of[row]
        ]
        assert others[5].file == version.photos[mates[0]].file
        assert f"rank {np.argsort(far[row]).tolist().index(mates[0]) + 1}," in others[5].note


def test_the_hardest_that_are_right_are_right(version: Version) -> None:
    ranks = rank_probes(version.vectors, version.person_of)
    sheets = {one.name: one for one in retrieval_sheets(version, ranks)}
    assert all(row[1].kind == "same" for row in sheets["hardest-right"].rows)
    notes = [float(row[1].note.split(", ")[1]) for row in sheets["hardest-right"].rows]
    assert notes == sorted(notes, reverse=True)
    lost = [int(row[-1].note.split()[1].rstrip(",")) for row in sheets["lost-people"].rows]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] == ranks.mate_rank.max()


def test_where_nothing_is_wrong_there_is_no_sheet_of_it(tmp_path: Path) -> None:
    version = made_version(tmp_path / "v1", crowd(10, 2, spread=0.05), owners(10, 2))
    sheets = retrieval_sheets(version, rank_probes(version.vectors, version.person_of))
    assert [sheet.name for sheet in sheets] == ["hardest-right"]


def test_misses() -> None:
    missed = tuple(Missed(f"P{n:02d}/P{n:02d}_0001.jpg", "No face was found.") for n in range(8))
    sheet = miss_sheet(Detection(100, 0.92, missed))
    assert sheet is not None
    assert [len(row) for row in sheet.rows] == [6, 2]
    assert sheet.rows[0][0].note == "No face was found."
    assert miss_sheet(Detection(100, 1.0, ())) is None


def test_a_sheet_shows_its_photos_in_their_frames() -> None:
    photos = {"a.jpg": plain((200, 30, 30)), "b.jpg": plain((30, 30, 200))}
    rows = (
        (
            Cell("a.jpg", None, "Ada", "probe", "probe"),
            Cell("b.jpg", None, "Ben", "1. another, 0.2", "other"),
        ),
        (Cell("gone.jpg", None, "山田太郎", "2. same", "same"),),
    )
    sheet = np.asarray(draw_sheet(Sheet("s", "Title", ("one", "two"), rows), photos.get)).astype(int)

    def pixels_of(colour: tuple[int, int, int]) -> np.ndarray:
        return np.argwhere(np.abs(sheet - colour).max(axis=2) <= 2)

    red, blue = pixels_of((200, 30, 30)), pixels_of((30, 30, 200))
    assert len(red) == len(blue) > 150 * 150
    assert red[:, 1].max() < blue[:, 1].min()  # in the order of the row
    assert len(pixels_of((168, 72, 10))) > 3000  # the frame of another person
    assert len(pixels_of((229, 231, 235))) > 150 * 150  # a photo that is not here


def test_sheets_are_jpeg_files(tmp_path: Path) -> None:
    sheet = Sheet("mine", "Title", (), ((Cell("a.jpg", None, "Ada", "probe", "probe"),),))
    (path,) = write_sheets(tmp_path / "deep" / "sheets", [sheet], lambda _: plain((9, 9, 9)))
    assert path == tmp_path / "deep" / "sheets" / "mine.jpg"
    with Image.open(path) as image:
        assert image.format == "JPEG"
