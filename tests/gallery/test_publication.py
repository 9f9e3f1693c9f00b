"""What is noted beside a version about its collections."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rvs.errors import GalleryCorruptError
from rvs.gallery.publication import (
    ENGINES,
    Publication,
    Record,
    Sharing,
    forget_rows,
    read_record,
    read_rows,
    searched_beside,
    versions_beside,
    write_record,
    write_rows,
)
from rvs.vectors.row_map import RowMap
from rvs.vectors.server import Collection

DONE = Publication(
    collection="rvs_crew_1_a",
    graph="hnsw",
    width=64,
    recall_at_10=0.9991,
    self_found=1.0,
    photos=120,
    vectors_sha256="a" * 64,
    created_at="2026-11-26T06:00:00+00:00",
    seconds=3.2,
)


def test_what_was_noted_is_read_back(tmp_path: Path) -> None:
    record = Record(DONE, ("rvs_crew_1_b", "rvs_crew_1_c"))
    write_record(tmp_path, "milvus", record)
    assert read_record(tmp_path, "milvus") == record
    assert record.collections == ("rvs_crew_1_b", "rvs_crew_1_c", "rvs_crew_1_a")
    assert DONE.place == Collection("rvs_crew_1_a", "hnsw", 120)


def test_each_kind_of_server_has_its_own(tmp_path: Path) -> None:
    write_record(tmp_path, "milvus", Record(DONE))
    write_record(tmp_path, "pgvector", Record(None, ("begun",)))
    assert [read_record(tmp_path, engine).collections for engine in ENGINES] == [
        ("rvs_crew_1_a",),
        ("begun",),
    ]


def test_nothing_noted_is_nothing_published(tmp_path: Path) -> None:
    assert read_record(tmp_path, "milvus") == Record()


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "list", "more", "bytes"])
def test_a_damaged_note_is_noticed(tmp_path: Path, damage: str) -> None:
    write_record(tmp_path, "milvus", Record(DONE))
    path = tmp_path / "milvus.json"
    text = path.read_text()
    damaged = {
        "flipped": text.replace("rvs_crew_1_a", "rvs_crew_2_a"),
        "cut": text[:-20],
        "empty": "",
        "list": "[]",
        "more": text.replace('"leftovers"', '"left"'),
        "bytes": "",
    }[damage]
    path.write_text(damaged)
    if damage == "bytes":
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(GalleryCorruptError) as caught:
        read_record(tmp_path, "milvus")
    assert "rvs index publish" in caught.value.hint


def test_a_width_cannot_be_text(tmp_path: Path) -> None:
    """Also where the seal is right."""
    write_record(tmp_path, "milvus", Record(replace(DONE, width="64")))  # type: ignore[arg-type]
    with pytest.raises(GalleryCorruptError):
        read_record(tmp_path, "milvus")


ROWS = np.array([2, -1, 0, 1], np.int32)


def sharing(folder: Path, rows: RowMap = ROWS) -> Record:
    """A version of three photos that shares a collection of four, with the map beside it."""
    shared = Sharing(len(rows), 1, 0, write_rows(folder, "milvus", rows))
    return Record(replace(DONE, photos=3, shared=shared))


def test_what_is_shared_is_read_back_with_its_rows(tmp_path: Path) -> None:
    record = sharing(tmp_path)
    write_record(tmp_path, "milvus", record)
    again = read_record(tmp_path, "milvus")
    assert again == record
    assert again.collections == ("rvs_crew_1_a",)
    assert again.published is not None
    assert again.published.shared is not None
    assert again.published.place == Collection("rvs_crew_1_a", "hnsw", 4)
    rows = read_rows(tmp_path, "milvus", again.published.shared)
    np.testing.assert_array_equal(rows, ROWS)
    assert rows.dtype == np.int32


def test_a_note_from_before_there_was_sharing(tmp_path: Path) -> None:
    write_record(tmp_path, "milvus", Record(DONE, ("older",)))
    path = tmp_path / "milvus.json"
    document = json.loads(path.read_text())
    del document["published"]["shared"]
    del document["seal"]
    path.write_text(json.dumps(document))
    assert read_record(tmp_path, "milvus") == Record(DONE, ("older",))


def test_rows_of_another_collection_are_not_taken(tmp_path: Path) -> None:
    record = sharing(tmp_path)
    assert record.published is not None
    assert record.published.shared is not None
    for wrong in (replace(record.published.shared, rows=5), Sharing(4, 1, 0, "0" * 64)):
        with pytest.raises(GalleryCorruptError) as caught:
            read_rows(tmp_path, "milvus", wrong)
        assert "rvs index publish" in caught.value.hint


def test_only_the_rows_that_are_noted_stay(tmp_path: Path) -> None:
    before = sharing(tmp_path, ROWS[::-1].copy())
    record = sharing(tmp_path)
    pgvectors = write_rows(tmp_path, "pgvector", ROWS)
    forget_rows(tmp_path, "milvus", record)
    assert record.published is not None
    assert before.published is not None
    assert record.published.shared is not None
    assert before.published.shared is not None
    read_rows(tmp_path, "milvus", record.published.shared)
    read_rows(tmp_path, "pgvector", Sharing(4, 1, 0, pgvectors))
    with pytest.raises(GalleryCorruptError):
        read_rows(tmp_path, "milvus", before.published.shared)
    forget_rows(tmp_path, "milvus", Record(DONE))
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["pgvector"]


def test_what_other_versions_are_searched_in(tmp_path: Path) -> None:
    names = ("1", "2", "3", "4", ".0123456789ab.gone")
    folders = [tmp_path / name for name in names]
    for folder in folders:
        folder.mkdir()
        write_record(folder, "milvus", Record(replace(DONE, collection=f"of {folder.name}"), ("left",)))
    write_record(folders[2], "milvus", Record(None, ("begun",)))
    (folders[3] / "milvus.json").rename(folders[3] / "pgvector.json")
    assert searched_beside(folders[0], "milvus") == {"of 2"}
    assert searched_beside(folders[2], "milvus") == {"of 1", "of 2"}
    assert [folder.name for folder in versions_beside(folders[1], "milvus")] == ["3", "1"]
    (folders[1] / "milvus.json").write_text("{")
    assert searched_beside(folders[1], "milvus") == {"of 1"}
    with pytest.raises(GalleryCorruptError):
        searched_beside(folders[0], "milvus")
