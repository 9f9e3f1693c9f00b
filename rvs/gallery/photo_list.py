"""The photos of a version, and those that could not be used: `photos.json`, written and read.

The file is JSON with a line per photo. It is read some lines at a time, because the decoder holds Python's lock:
in a service, where a new version is opened while people ask, reading it all at once would hold everybody up.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from rvs.faces.face import Box

_BEGIN, _MIDDLE, _END = '{"photos": [', '], "misses": [', "]}"
_LINES_AT_ONCE = 256  # about a millisecond


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """A photo that is in the index: whose, where (relative to the gallery), what bytes, which face of it."""

    person: str
    file: str
    sha256: str
    face_box: Box | None


@dataclass(frozen=True, slots=True)
class Miss:
    """A photo that could not be used, and why in one sentence."""

    person: str
    file: str
    sha256: str
    reason: str


_Record = TypeVar("_Record", PhotoRecord, Miss)


def write_photos(path: Path, photos: Sequence[PhotoRecord], misses: Sequence[Miss]) -> None:
    """Write `photos.json`, a line per photo, so that two versions can be compared with `diff`."""

    def lines(records: Sequence[PhotoRecord] | Sequence[Miss]) -> str:
        return ",\n".join(json.dumps(asdict(record), ensure_ascii=False) for record in records)

    text = f'{{"photos": [\n{lines(photos)}\n], "misses": [\n{lines(misses)}\n]}}\n'
    path.write_text(text, encoding="utf-8")


def read_photos(path: Path) -> tuple[tuple[PhotoRecord, ...], tuple[Miss, ...]]:
    """What `write_photos` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file.
    """
    lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: names may hold other line ends
    middle = lines.index(_MIDDLE)
    if lines[0] != _BEGIN or lines[-2:] != [_END, ""]:
        raise ValueError("it does not begin or end as it should")
    return _records(_photo_reader(), lines[1:middle]), _records(_miss_reader(), lines[middle + 1 : -2])


def _records(reader: TypeAdapter[list[_Record]], lines: Sequence[str]) -> tuple[_Record, ...]:
    found: list[_Record] = []
    for start in range(0, len(lines), _LINES_AT_ONCE):
        text = "\n".join(lines[start : start + _LINES_AT_ONCE])
        found += reader.validate_json(f"[{text.removesuffix(',')}]", strict=True)
    return tuple(found)


@functools.cache
def _photo_reader() -> TypeAdapter[list[PhotoRecord]]:
    return TypeAdapter(list[PhotoRecord])


@functools.cache
def _miss_reader() -> TypeAdapter[list[Miss]]:
    return TypeAdapter(list[Miss])
