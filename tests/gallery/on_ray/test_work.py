"""How photos are divided between workers, and which workers are not believed; here without Ray."""

import json
from pathlib import Path

import pytest

from rvs.errors import RebuildFailedError
from rvs.gallery.embed import CHUNK, FolderFiles
from rvs.gallery.folder import GalleryPhoto
from rvs.gallery.on_ray.work import _even, _failure, _lists, _refuse_blind_workers


def photos(count: int) -> list[GalleryPhoto]:
    return [GalleryPhoto("Ada", f"Ada/{number}.jpg") for number in range(count)]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 1000, 4097])
def test_every_photo_is_in_one_list_and_lists_are_whole_chunks(count: int) -> None:
    lists = _lists(photos(count), _even(count, 8))
    assert [file for row in lists for file in json.loads(row["files"])] == [one.file for one in photos(count)]
    assert [row["number"] for row in lists] == list(range(len(lists)))
    assert all(len(json.loads(row["files"])) % CHUNK == 0 for row in lists[:-1])
    assert len(lists) <= 8


def test_a_worker_that_cannot_read_what_is_there_ends_the_build(tmp_path: Path) -> None:
    """Its photos would be missing from the next version."""
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "1.jpg").write_bytes(b"x")
    _refuse_blind_workers(FolderFiles(tmp_path), ["Ada/gone.jpg"])  # nobody can
    with pytest.raises(RebuildFailedError, match=r"cannot read Ada/1\.jpg"):
        _refuse_blind_workers(FolderFiles(tmp_path), ["Ada/gone.jpg", "Ada/1.jpg"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "ray::MapBatches()\nrvs.errors.RebuildFailedError: s3 does not answer.\n\nThe above exception was\n"
            "ray.exceptions.UserCodeException: UDF failed.\nTo change retry attempts, configure it.",
            "s3 does not answer.",
        ),
        ("OSError: [Errno 28] No space left on device", "[Errno 28] No space left on device"),
        ("The actor is unavailable.", "The actor is unavailable."),
        ("", "Exception"),
    ],
)
def test_what_is_told_of_a_failure_is_what_it_was(text: str, sentence: str) -> None:
    error = _failure(Exception(text))
    assert error.message == f"The workers could not go on: {sentence}"
    assert error.hint
