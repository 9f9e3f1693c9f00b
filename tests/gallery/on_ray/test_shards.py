"""Shards keep every bit, are whole or nothing, and damaged ones are done again."""

import logging
from pathlib import Path

import numpy as np
import pytest

from rvs.faces.face import Box
from rvs.gallery.journal import Embedded
from rvs.gallery.on_ray.packages import needed
from rvs.gallery.on_ray.shards import FolderShards, packed, read_all, shards_at, unpacked

pytest.importorskip("pyarrow", reason="the extra is not installed: pip install lookalike[ray]")


def outcomes(count: int, seed: int = 0) -> dict[str, Embedded]:
    rng = np.random.default_rng(seed)
    found = {}
    for number in range(count):
        content = f"{seed}-{number}"
        if number % 3 == 2:
            found[content] = Embedded(None, None, f"Reason {number}, ünd so.")
        else:
            vector = rng.normal(size=128).astype(np.float16)
            box = Box(*rng.uniform(0, 99, 4).tolist()) if number % 3 else None
            found[content] = Embedded(vector, box, "")
    return found


def same(first: dict[str, Embedded], second: dict[str, Embedded]) -> None:
    assert list(first) == list(second)
    for one, other in zip(first.values(), second.values(), strict=True):
        assert (one.face_box, one.reason) == (other.face_box, other.reason)
        assert (one.vector is None) == (other.vector is None)
        if one.vector is not None and other.vector is not None:
            assert one.vector.dtype == other.vector.dtype == np.float16
            np.testing.assert_array_equal(one.vector.view(np.uint16), other.vector.view(np.uint16))


@pytest.mark.parametrize("count", [0, 1, 3, 200])
def test_what_is_packed_is_unpacked_bit_for_bit(count: int) -> None:
    same(unpacked(packed(outcomes(count))), outcomes(count))


def test_the_same_outcomes_make_the_same_file() -> None:
    assert packed(outcomes(20)) == packed(outcomes(20))


def test_the_smallest_numbers_survive() -> None:
    vector = np.array([np.finfo(np.float16).tiny, 2**-24, -0.0, 1, -1], np.float16)
    same(unpacked(packed({"a": Embedded(vector, None, "")})), {"a": Embedded(vector, None, "")})


def test_other_tools_can_read_them(tmp_path: Path) -> None:

    (tmp_path / "a.parquet").write_bytes(packed(outcomes(6)))
    table = needed("pyarrow.parquet").read_table(tmp_path / "a.parquet")
    assert table.column_names == ["sha256", "vector", "face_box_px", "reason"]
    assert table.num_rows == 6


def test_all_of_a_folder(tmp_path: Path) -> None:
    shards = shards_at(str(tmp_path / "shards"))
    assert shards.names() == []
    assert read_all(shards) == {}
    for seed in (1, 2):
        shards.write(f"{seed}.parquet", packed(outcomes(9, seed)))
    shards.write("2.parquet", packed(outcomes(9, 2)))  # by a worker that did not know of the other
    same(read_all(shards), outcomes(9, 1) | outcomes(9, 2))
    shards.delete()
    assert not (tmp_path / "shards").exists()
    shards.delete()


def test_damaged_ones_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shards = FolderShards(tmp_path)
    whole = packed(outcomes(9, 1))
    shards.write("whole.parquet", whole)
    for name, data in {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"this is no shard",
        "zeros": bytes(500),
        "turned": whole[:40] + bytes(byte ^ 255 for byte in whole[40:400]) + whole[400:],
    }.items():
        shards.write(f"{name}.parquet", data)
    with caplog.at_level(logging.WARNING):
        found = read_all(shards)
    same(found, outcomes(9, 1))
    for name in ("cut", "empty", "text", "zeros"):
        assert f"{name}.parquet" in caplog.text


def test_behind_a_url(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="the extra is not installed: pip install lookalike[ray]")
    shards = shards_at("memory://bucket/work/journal-1")
    other = shards_at("memory://bucket/work/journal-2")
    try:
        shards.write("1.parquet", packed(outcomes(5)))
        other.write("1.parquet", packed(outcomes(5, 2)))
        assert shards.names() == ["1.parquet"]
        same(read_all(shards), outcomes(5))
        shards.delete()
        assert shards.names() == []
        assert other.names() == ["1.parquet"], "another pipeline's"
    finally:
        other.delete()
