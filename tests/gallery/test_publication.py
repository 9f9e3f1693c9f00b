"""What is noted beside a version about its collections."""

from dataclasses import replace
from pathlib import Path

import pytest

from rvs.errors import GalleryCorruptError
from rvs.gallery.publication import ENGINES, Publication, Record, read_record, write_record
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
