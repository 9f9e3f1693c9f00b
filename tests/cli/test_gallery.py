"""A gallery of one's own, changed from the command line; the real networks say what is a face."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.cli.app import run
from rvs.engine import remember_gallery
from rvs.gallery.folder import list_photos
from rvs.settings import load_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, cache_dir: Path, tmp_path: Path) -> None:
    """Our own folders, and no LFW."""
    monkeypatch.delenv("RVS_LFW_DIR", raising=False)
    monkeypatch.delenv("RVS_LFW_PAIRS", raising=False)
    monkeypatch.setenv("RVS_CACHE_DIR", str(cache_dir))
    monkeypatch.setenv("RVS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path / "index"))


@pytest.fixture
def photo(astronaut: Pixels, tmp_path: Path) -> Path:
    Image.fromarray(astronaut).save(tmp_path / "portrait.png")
    return tmp_path / "portrait.png"


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    Image.fromarray(np.full((200, 200, 3), 99, np.uint8)).save(tmp_path / "wall.png")
    return tmp_path / "wall.png"


def test_from_nothing_to_two_people_and_back_to_one(
    photo: Path,
    astronaut: Pixels,
    tmp_path: Path,
    answer: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    crew, mirrored = tmp_path / "Crew", tmp_path / "mirrored.png"
    Image.fromarray(np.ascontiguousarray(astronaut[:, ::-1])).save(mirrored)
    added = answer("gallery", "add", "Eileen Collins", str(photo), "--gallery", str(crew))
    assert added == {
        "gallery": str(crew),
        "person": "Eileen Collins",
        "added": ["Eileen_Collins/portrait.png"],
        "known": [],
        "crowded": [],
    }

    # An index that was built here knows where its photos are.
    settings = load_settings(index="crew")
    (settings.index_dir / "crew").mkdir(parents=True)
    remember_gallery(settings, crew)
    answer("gallery", "add", "Mirror", str(mirrored), "--index", "crew")
    assert {photo.person for photo in list_photos(crew)} == {"Eileen Collins", "Mirror"}
    assert run(["gallery", "add", "Mirror", str(mirrored), "--index", "crew"]) == 0
    assert "was there already" in capsys.readouterr().out

    removed = answer("gallery", "remove", "Eileen_Collins", "--index", "crew")
    assert (removed["gallery"], removed["removed"]) == (str(crew.resolve()), 1)
    assert {photo.person for photo in list_photos(crew)} == {"Mirror"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "Ada", "PHOTO"], 2, "LFW"),
        (["remove", "Ada"], 2, "LFW"),
        (["add", "Ada", "PHOTO", "--index", "crew"], 4, "--gallery"),
        (["add", "../Ada", "PHOTO", "--gallery", "CREW"], 2, "name"),
        (["add", "Ada", "PHOTO", "WALL", "--gallery", "CREW"], 3, "wall.png: no face"),
        (["add", "Ada", "nowhere.jpg", "--gallery", "CREW"], 3, "nowhere.jpg"),
        (["add", "Ada", "--gallery", "CREW"], 2, "photos"),
        (["remove", "Ada", "--gallery", "CREW"], 4, "Crew"),
    ],
)
def test_what_is_refused_changes_nothing(
    words: list[str],
    code: int,
    said: str,
    photo: Path,
    wall: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = {"PHOTO": str(photo), "WALL": str(wall), "CREW": str(tmp_path / "Crew")}
    assert run(["gallery", *(paths.get(word, word) for word in words)]) == code
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "Crew").exists()


def test_a_removal_says_what_is_left_to_do(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crew = tmp_path / "Crew"
    assert run(["gallery", "add", "Ada", str(photo), "--gallery", str(crew)]) == 0
    assert "rvs index build" in capsys.readouterr().out
    assert run(["gallery", "remove", "Ada", "--gallery", str(crew)]) == 0
    said = capsys.readouterr().out
    assert f"Ada is removed from {crew}, with one photo." in said
    assert "rvs index prune --keep 0" in said
