"""The packaged weight files are the published ones, small, and not used when they are damaged."""

import hashlib
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import rvs.weights
from rvs.errors import WeightsError
from rvs.weights import FACE_RESNET, RETINAFACE_MOBILENET, PackagedWeights

MB = 1_000_000
BOTH = pytest.mark.parametrize("packaged", [FACE_RESNET, RETINAFACE_MOBILENET], ids=lambda p: p.file)


@pytest.fixture
def copy(packaged: PackagedWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the file, in a package that looks like ours."""
    path = tmp_path / packaged.file
    shutil.copy(packaged.verified_path(), path)
    monkeypatch.setattr(rvs.weights, "__file__", str(tmp_path / "__init__.py"))
    assert packaged.verified_path() == path
    return path


@BOTH
def test_the_file_is_the_published_one(packaged: PackagedWeights) -> None:
    data = packaged.verified_path().read_bytes()
    assert hashlib.sha256(data).hexdigest() == packaged.sha256


@pytest.mark.parametrize(
    ("packaged", "most_bytes"), [(FACE_RESNET, 12 * MB), (RETINAFACE_MOBILENET, 1 * MB)], ids=str
)
def test_the_file_is_small(packaged: PackagedWeights, most_bytes: int) -> None:
    assert packaged.verified_path().stat().st_size <= most_bytes


@BOTH
def test_numbers_are_stored_as_float16(packaged: PackagedWeights) -> None:
    arrays: list[np.dtype[np.generic]] = []

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays.append(item.dtype)

    with h5py.File(packaged.verified_path()) as file:
        file.visititems(note)
    assert len(arrays) > 50
    assert set(arrays) == {np.dtype(np.float16)}


@BOTH
def test_a_missing_file(packaged: PackagedWeights, copy: Path) -> None:
    copy.unlink()
    with pytest.raises(WeightsError, match=f"{packaged.file} are missing") as caught:
        packaged.verified_path()
    assert caught.value.hint == "Install the package again."


@BOTH
@pytest.mark.parametrize("damage", ["one bit", "cut short", "empty", "longer"])
def test_a_damaged_file(packaged: PackagedWeights, copy: Path, damage: str) -> None:
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 1 if damage == "one bit" else 0
    keep = {"cut short": -1, "empty": 0}.get(damage, len(data))
    copy.write_bytes(data[:keep] + (b"\0" if damage == "longer" else b""))
    with pytest.raises(WeightsError, match=f"{packaged.file} are damaged") as caught:
        packaged.verified_path()
    assert caught.value.hint == "Install the package again."
