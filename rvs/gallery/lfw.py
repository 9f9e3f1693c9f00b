"""Labeled Faces in the Wild: where it is on this machine, whether it is whole, and its pairs protocol.

Reads names, sizes and the first and last bytes of files. Does not download (`rvs.gallery.lfw_fetch`), does
not decode pictures, and does not know any network. Source of the data set: Huang, Ramesh, Berg,
Learned-Miller, "Labeled Faces in the Wild", University of Massachusetts Amherst, TR 07-49, 2007.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rvs.errors import ConfigError, GalleryMissingError

PEOPLE = 5749
PHOTOS = 13233
SIDE_PX = 250

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PERSON = re.compile(r"[^\s/\\.][^\s/\\]*")
_PLACES = "Set RVS_LFW_DIR to the folder that holds Abel_Pacheco/Abel_Pacheco_0001.jpg and the others"


@dataclass(frozen=True, slots=True)
class LfwReport:
    """What `check_lfw` found.

    Attributes:
        people: folders with at least one photo.
        photos: files named `Person/Person_0001.jpg`, damaged ones included.
        missing_people, missing_photos: how many fewer than expected, 0 when there are enough.
        extra_people, extra_photos: how many more than expected.
        problem_count: files and folders that are damaged, misnamed or unreadable.
        problems: a sentence for each of the first of them.
        complete: the numbers are as expected and there are no problems.
    """

    people: int
    photos: int
    missing_people: int
    missing_photos: int
    extra_people: int
    extra_photos: int
    problem_count: int
    problems: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of the pairs protocol.

    Attributes:
        first, second: photos relative to the LFW folder: "Abel_Pacheco/Abel_Pacheco_0001.jpg".
        same: both show the same person.
        fold: 0 for the first fold.
    """

    first: str
    second: str
    same: bool
    fold: int


def find_lfw(explicit: Path | None, data_dir: Path) -> Path | None:
    """The LFW folder: `explicit` when given, else `data_dir/lfw` when that is LFW, else None.

    Raises:
        GalleryMissingError: `explicit` is given, but is not an LFW folder.
    """
    if explicit is None:
        fetched = data_dir / "lfw"
        return fetched if is_lfw(fetched) else None
    if is_lfw(explicit):
        return explicit
    inner = next((path for path in sorted(explicit.glob("lfw*")) if is_lfw(path)), None)
    hint = f"Set RVS_LFW_DIR to {inner}." if inner else f"{_PLACES}, or unset it and run `rvs lfw fetch`."
    raise GalleryMissingError(f"RVS_LFW_DIR is {explicit}, but that is not an LFW folder.", hint=hint)


def find_pairs(explicit: Path | None, data_dir: Path) -> Path | None:
    """The pairs protocol: `explicit` when given, else `data_dir/lfw_pairs.txt` when there, else None.

    Raises:
        ConfigError: `explicit` is given, but is not a file.
    """
    if explicit is None:
        fetched = data_dir / "lfw_pairs.txt"
        return fetched if fetched.is_file() else None
    if not explicit.is_file():
        raise ConfigError(
            f"RVS_LFW_PAIRS is {explicit}, but there is no such file.",
            hint="Point it at LFW's pairs.txt, or unset it and run `rvs lfw fetch`.",
        )
    return explicit


def is_lfw(root: Path) -> bool:
    """Whether `root` looks like LFW: one of its first folders holds `Person/Person_0001.jpg`. Cheap."""
    try:
        with os.scandir(root) as entries:
            folders = [entry.name for entry in islice((e for e in entries if _is_person(e)), 10)]
    except OSError:
        return False
    return any((root / photo_file(name, 1)).is_file() for name in folders)


def photo_file(person: str, number: int) -> str:
    """Where LFW keeps a photo, relative to its folder: ("Abel_Pacheco", 1) -> ".../Abel_Pacheco_0001.jpg"."""
    return f"{person}/{person}_{number:04d}.jpg"


def check_lfw(
    root: Path, *, people: int = PEOPLE, photos: int = PHOTOS, most_problems: int = 20
) -> LfwReport:
    """Count people and photos and look for damage, without decoding any picture.

    A photo is sound when its name is the next number of its folder and its bytes start and end as a
    JPEG's do. Files that are not .jpg are no concern of this check.

    Raises:
        GalleryMissingError: `root` is missing or cannot be read.
    """
    try:
        with os.scandir(root) as entries:
            names = sorted(entry.name for entry in entries if _is_person(entry))
    except OSError as error:
        raise GalleryMissingError(
            f"There is no readable LFW folder at {root}.", hint=f"{_PLACES}, or run `rvs lfw fetch`."
        ) from error
    found_people = found_photos = 0
    problems: list[str] = []
    for name in names:
        in_folder, its_problems = _check_person(root, name)
        found_people += in_folder > 0
        found_photos += in_folder
        problems += its_problems
    return LfwReport(
        people=found_people,
        photos=found_photos,
        missing_people=max(0, people - found_people),
        missing_photos=max(0, photos - found_photos),
        extra_people=max(0, found_people - people),
        extra_photos=max(0, found_photos - photos),
        problem_count=len(problems),
        problems=tuple(problems[:most_problems]),
        complete=(found_people, found_photos) == (people, photos) and not problems,
    )


def read_pairs(path: Path) -> list[Pair]:
    """Read LFW's verification protocol, `pairs.txt` (or `pairsDevTest.txt`, which has one fold).

    The first line says how many folds there are and how many pairs of each sort a fold has; then come,
    fold by fold, that many pairs of one person ("name n n") and that many of two ("name n name n").

    Raises:
        ConfigError: the file is missing, not text, or not of that form; the sentence names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The pairs file {path} cannot be read.", hint="Point RVS_LFW_PAIRS at LFW's pairs.txt."
        ) from error
    header = lines[0].split() if lines else []
    if not 1 <= len(header) <= 2 or not all(_is_count(field) for field in header):
        raise _malformed(path, 1, 'it should say how many folds and pairs there are, such as "10 300"')
    folds, per_sort = (1, int(header[0])) if len(header) == 1 else (int(header[0]), int(header[1]))
    expected = folds * per_sort * 2
    if len(lines) - 1 != expected:
        raise ConfigError(
            f"The pairs file {path} announces {expected} pairs, but has {len(lines) - 1}.",
            hint="It may be cut off: run `rvs lfw fetch` for a fresh one.",
        )
    return [_pair(path, number, line, per_sort) for number, line in enumerate(lines[1:], start=2)]


def _pair(path: Path, line_number: int, line: str, per_sort: int) -> Pair:
    fold, place = divmod(line_number - 2, 2 * per_sort)
    same = place < per_sort
    match line.split(), same:
        case [person, first, second], True:
            chosen = (person, first), (person, second)
        case [person, first, other, second], False:
            chosen = (person, first), (other, second)
        case _:
            form = '"name number number"' if same else '"name number name number"'
            raise _malformed(path, line_number, f"{form} is expected here")
    if not all(_PERSON.fullmatch(person) and _is_count(number) for person, number in chosen):
        raise _malformed(path, line_number, "names must be plain and numbers between 1 and 9999")
    if (chosen[0] == chosen[1]) if same else (chosen[0][0] == chosen[1][0]):
        raise _malformed(path, line_number, "the two sides must be different")
    left, right = (photo_file(person, int(number)) for person, number in chosen)
    return Pair(left, right, same, fold)


def _malformed(path: Path, line_number: int, why: str) -> ConfigError:
    return ConfigError(
        f"Line {line_number} of the pairs file {path} makes no sense: {why}.",
        hint="Use LFW's own pairs.txt; `rvs lfw fetch` downloads it.",
    )


def _is_count(field: str) -> bool:
    return field.isascii() and field.isdigit() and 1 <= int(field) <= 9999


def _is_person(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir()


def _check_person(root: Path, name: str) -> tuple[int, list[str]]:
    """How many photos the person has, and what is wrong with them."""
    folder = os.path.join(root, name)  # noqa: PTH118  13,233 Path objects take longer than the check
    try:
        with os.scandir(folder) as entries:
            files = sorted(e.name for e in entries if e.name[-4:].lower() == ".jpg" and e.name[0] != ".")
    except OSError as error:
        return 0, [f"{name} cannot be read ({error.strerror})"]
    if not files:
        return 0, [f"{name} has no photos"]
    expected = [f"{name}_{number:04d}.jpg" for number in range(1, len(files) + 1)]
    if files == expected:
        return len(files), list(_damage(folder, name, files))
    well_named = [file for file in files if re.fullmatch(re.escape(name) + r"_\d{4}\.jpg", file)]
    problems = [f"{name}/{file} is not named like LFW's photos" for file in files if file not in well_named]
    if well_named != expected[: len(well_named)]:
        problems.append(f"{name} has gaps in its numbering: {', '.join(well_named[:3])} ...")
    return len(well_named), [*problems, *_damage(folder, name, well_named)]


def _damage(folder: str, name: str, files: list[str]) -> Iterator[str]:
    for file in files:
        try:
            start, end, size = _ends(f"{folder}{os.sep}{file}")
        except OSError as error:
            yield f"{name}/{file} cannot be read ({error.strerror})"
            continue
        if not size:
            yield f"{name}/{file} is empty"
        elif start != _JPEG_START:
            yield f"{name}/{file} is not a JPEG"
        elif end != _JPEG_END:
            yield f"{name}/{file} is cut off"


def _ends(path: str) -> tuple[bytes, bytes, int]:
    """First two bytes, last two bytes, size."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  as above
        size = os.fstat(file.fileno()).st_size
        start = file.read(2)
        file.seek(max(0, size - 2))
        return start, file.read(2), size
