"""torch's older files are read without torch, and nothing in them is run."""

import io
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.convert_mobilenetv2 import MOBILENETV2_WHEEL
from tools.convert_weights import read_member
from tools.torch_file import read_state_dict

MAGIC = 0x1950A86A20F9469CFC6C


@pytest.fixture(scope="module")
def real(wheels_dir: Path) -> bytes:
    return read_member(wheels_dir, MOBILENETV2_WHEEL)


def written(tensors: Any, numbers: dict[str, bytes], *, magic: int = MAGIC, protocol: int = 1001) -> bytes:
    """A file as torch wrote them before 1.6; `numbers` are what stands behind the pickle, by key."""
    parts: list[Any] = [magic, protocol, {"little_endian": True}, tensors, list(numbers)]
    pickles = [part if isinstance(part, bytes) else pickle.dumps(part, 2) for part in parts]
    return b"".join([*pickles, *numbers.values()])


def floats(*values: float) -> bytes:
    return len(values).to_bytes(8, "little") + np.array(values, "<f4").tobytes()


def state_of(*tensors: str, strides: str = "K\x02K\x01", shape: str = "K\x02K\x02", offset: int = 0) -> bytes:
    """The pickle of a state dict of tensors over one storage, "0", in torch's own words."""
    out = io.BytesIO()
    out.write(b"\x80\x02ccollections\nOrderedDict\n)R(")
    for name in tensors:
        out.write(b"X" + len(name).to_bytes(4, "little") + name.encode())
        out.write(b"ctorch._utils\n_rebuild_tensor_v2\n(")
        out.write(
            b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06NtQ"
        )
        out.write(b"K" + bytes([offset]))
        out.write(b"(" + shape.encode() + b"t(" + strides.encode() + b"t")
        out.write(b"\x89ccollections\nOrderedDict\n)RtR")
    out.write(b"u.")
    return out.getvalue()


def test_a_small_file() -> None:
    data = written(state_of("first", "second"), {"0": floats(1, 2, 3, 4, 5, 6)})
    tensors = read_state_dict(data)
    assert list(tensors) == ["first", "second"]
    np.testing.assert_array_equal(tensors["first"], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(tensors["first"], tensors["second"])


def test_a_tensor_may_start_within_its_numbers() -> None:
    tensors = read_state_dict(written(state_of("late", offset=2), {"0": floats(1, 2, 3, 4, 5, 6)}))
    np.testing.assert_array_equal(tensors["late"], [[3, 4], [5, 6]])


def test_the_real_file(real: bytes) -> None:
    tensors = read_state_dict(real)
    assert len(tensors) == 52 * 6 + 2
    assert tensors["features.0.0.weight"].shape == (32, 3, 3, 3)
    assert tensors["classifier.1.weight"].shape == (1000, 1280)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32), np.dtype(np.int64)}
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    assert min(tensors["features.18.1.running_var"]) > 0


class Runs:
    """Pickled, it runs a command when it is read by the ordinary pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    hostile = written(OrderedDict(weight=Runs(trace)), {})
    pickle.loads(pickle.dumps(Runs(trace)))  # noqa: S301  (to see that it would be run)
    assert trace.exists()
    trace.unlink()
    with pytest.raises(ValueError, match="system, which is not of a state dict"):
        read_state_dict(hostile)
    assert not trace.exists()


@pytest.mark.parametrize(
    "name", ["torch\nDoubleStorage", "torch._utils\n_rebuild_parameter", "builtins\neval"]
)
def test_other_names_are_refused(name: str) -> None:
    pickled = b"\x80\x02c" + name.encode() + b"\n."
    with pytest.raises(ValueError, match="which is not of a state dict"):
        read_state_dict(written(pickled, {}))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04", "version 1.6 or later"),
        (written({}, {}, magic=1), "damaged or not of torch"),
        (written({}, {}, protocol=1002), "damaged or not of torch"),
        (written([1, 2], {}), "not hold a state dict"),
        (written({"weight": 1}, {}), "not hold a state dict"),
        (written(state_of("turned", strides="K\x01K\x02"), {"0": floats(1, 2, 3, 4)}), "not contiguous"),
        (written(state_of("long"), {"0": floats(1, 2, 3)}), "reshape"),
        (written(state_of("cut"), {"0": floats(1, 2, 3, 4)[:-1]}), "buffer"),
    ],
    ids=["zip", "magic", "protocol", "list", "numbers", "turned", "too few numbers", "cut short"],
)
def test_other_files_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_state_dict(data)


@pytest.mark.parametrize("end", [0, 1, 16, 300, 60_000, -1])
def test_the_real_file_cut_short(real: bytes, end: int) -> None:
    with pytest.raises(ValueError, match=r"damaged|buffer"):
        read_state_dict(real[:end])
