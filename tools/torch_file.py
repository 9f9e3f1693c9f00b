"""Read the tensors of a file in the format that torch wrote before version 1.6, without torch.

Such a file is a pickle with numbers behind it. Here a pickle may name four things and nothing else, so that it
cannot run anything; what the tensors are for is not known here.
"""

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

StateDict: TypeAlias = dict[str, NDArray[Any]]
"""Name -> tensor, in the order in which torch wrote them."""

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True, slots=True)
class _Storage:
    """Numbers that stand behind the pickle, by the key they are found under."""

    key: str
    dtype: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What the pickle says of a tensor whose numbers have not been read yet."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]


def read_state_dict(data: bytes) -> StateDict:
    """The tensors of a state dict.

    Args:
        data: the whole file.

    Raises:
        ValueError: it is damaged or not such a file, or holds anything but contiguous float32 and int64 tensors.
    """
    if data.startswith(b"PK"):
        raise ValueError("a zip file: torch wrote it with version 1.6 or later")
    try:
        return _read(io.BytesIO(data))
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise ValueError("the file is damaged or not of torch") from error


def _read(file: io.BytesIO) -> StateDict:
    """Five pickles: a magic number, the format's version, the machine's sizes, the state dict, the storages' keys.

    Then the storages, in the order of the keys.
    """
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise ValueError("the file is damaged or not of torch")
    _Unpickler(file).load()
    tensors, keys = _Unpickler(file).load(), _Unpickler(file).load()
    if not isinstance(tensors, dict) or not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("the file does not hold a state dict")
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    storages = {key: _read_storage(file, dtypes[key]) for key in keys}
    return {name: _numbers(storages[tensor.storage.key], tensor) for name, tensor in tensors.items()}


class _Unpickler(pickle.Unpickler):
    """Makes the tensors of a state dict, and nothing else that a pickle could ask for."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise ValueError(f"the file wants {module}.{name}, which is not of a state dict")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, _count, view = pid
        if kind != "storage" or view is not None:
            raise ValueError(f"the file holds a {kind} of another kind")
        return _Storage(key, dtype)


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_gradient: object
) -> _Tensor:
    rows_first = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    if strides != rows_first:
        raise ValueError(f"a tensor {shape} is not contiguous")
    return _Tensor(storage, offset, shape)


def _read_storage(file: io.BytesIO, dtype: str) -> NDArray[Any]:
    """A count of eight bytes, then so many numbers; both little-endian."""
    count = int.from_bytes(file.read(8), "little")
    data = file.read(count * np.dtype(dtype).itemsize)
    return np.frombuffer(data, dtype, count)


def _numbers(storage: NDArray[Any], tensor: _Tensor) -> NDArray[Any]:
    size = int(np.prod(tensor.shape))
    return storage[tensor.offset : tensor.offset + size].reshape(tensor.shape)
