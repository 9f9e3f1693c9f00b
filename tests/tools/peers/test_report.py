"""The page and the chart of a comparison."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.tools.peers.figures import PHOTOS, comparison
from tools.peers.comparison import read_comparison
from tools.peers.contenders import BATCH, CONTENDERS, FACE_RECOGNITION
from tools.peers.report import claim, markdown, write_report


@pytest.mark.parametrize(
    ("peer_ms", "like_for_like", "with_grid"),
    [
        (500.0, "25.0 times (25.0 to 25.0) as long as rvs: the aim of 10 times is reached", "12.5"),
        (300.0, "15.0 times (15.0 to 15.0) as long as rvs: the aim of 10 times is reached", "7.50"),
        (100.0, "5.00 times (5.00 to 5.00) as long as rvs: the aim of 10 times is not reached", "2.50"),
    ],
)
def test_the_claim_says_what_was_measured(peer_ms: float, like_for_like: str, with_grid: str) -> None:
    said = claim(comparison(peer_ms))
    assert like_for_like in said
    reached = "reached" if peer_ms >= 400 else "not reached"
    assert said.endswith(f"it is {with_grid} times ({with_grid} to {with_grid}): {reached}.")
    assert said in markdown(comparison(peer_ms))


def test_without_the_peer_there_is_no_claim() -> None:
    one = comparison(failed={(FACE_RECOGNITION, "1 MP"): "No module named 'face_recognition'"})
    assert claim(one) == "face_recognition could not be measured with the photo of 1 MP."


def test_every_contender_has_a_line_in_every_table_and_is_explained() -> None:
    page = markdown(comparison())
    for one in CONTENDERS:
        assert len(re.findall(rf"^\| {re.escape(one.name)} \| [\d.,]+ \|", page, re.MULTILINE)) == len(PHOTOS)
    for one in BATCH:
        assert len(re.findall(rf"^\| {re.escape(one.name)} \| [\d.,]+ \|", page, re.MULTILINE)) == 1
    for one in (*CONTENDERS, *BATCH):
        assert f"**{one.name}** (numpy 2.4.6). {one.does}" in page
        assert one.made_up in page


def test_figures_are_where_they_belong() -> None:
    page = markdown(comparison(300.0))
    assert f"| {FACE_RECOGNITION} | 300 | 300 | 1 | 15.0 (15.0 to 15.0) | 7.50 (7.50 to 7.50) |" in page
    assert "| rvs: photo to people | 20.0 | 20.0 | 1 | 1 | 0.50 (0.50 to 0.50) |" in page
    assert "| rvs: photo to grid | 40.0 | 40.0 | 1 | 1 | 1 |" in page
    # 100 photos in half a second, and in 0.3.
    assert "| rvs: index | 200 | 1 | 1 |" in page
    assert "| face_recognition (one process) | 333 | 1 | 0.60 (0.60 to 0.60) |" in page
    assert "- face_recognition: detect 225" in page
    assert "not counted: building VGG16 (900)" in page


def test_who_failed_is_named_with_the_reason() -> None:
    lost = {("deepface find", photo): "ModuleNotFoundError: No module named 'deepface'" for photo in PHOTOS}
    lost["face_recognition (one process)", "index"] = "Its process ended with code 3."
    page = markdown(comparison(failed=lost))
    assert page.count("| deepface find | not measured | | | | |") == len(PHOTOS)
    assert "| face_recognition (one process) | not measured | | |" in page
    assert "*Not measured* with 1 MP: ModuleNotFoundError: No module named 'deepface'" in page
    assert "*Not measured* with index: Its process ended with code 3." in page


def test_it_is_said_whether_the_gallery_was_there() -> None:
    assert "deepface looks through a folder of links" in markdown(comparison())
    without = markdown(comparison(gallery_here=False))
    assert "`refresh_database=False`)" in without
    assert "100 photos of the portrait" in without


def test_the_files_of_a_report(tmp_path: Path) -> None:
    one = comparison(failed={("VGG16 + Annoy", "4 MP"): "It died."})
    write_report(one, tmp_path / "docs")
    page = (tmp_path / "docs" / "peers.md").read_text(encoding="utf-8")
    assert page == markdown(read_comparison(tmp_path / "docs" / "peers.json"))
    shown = re.findall(r"\]\((\S+\.png)\)", page)
    assert sorted(path.name for path in (tmp_path / "docs").glob("*.png")) == shown
    with Image.open(tmp_path / "docs" / shown[0]) as chart:
        assert chart.format == "PNG"
