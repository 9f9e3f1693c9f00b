"""Contact sheets: photos in rows with a line or two below each, as a JPEG.

A sheet is for looking at, on the machine that has the photos: it holds photos of LFW, so it belongs into no
repository. Which photos are worth looking at is chosen in `sheets`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from rvs.arrays import Pixels
from rvs.faces.face import Box
from rvs.render.crop import cropped
from rvs.render.jpeg import encoded
from rvs.render.lettering import Colour, Type, drawable, fit, write
from rvs.whole_files import write_whole

_SIDE_PX, _TEXT_PX, _GAP_PX, _EDGE_PX, _FRAME_PX = 168, 58, 12, 24, 5
_TITLE, _NOTE, _NAME_SIZES, _SMALL_SIZES = Type(26, 650), Type(17, 450), (17, 15, 13), (15, 14)
_PAPER, _INK, _QUIET, _EMPTY = (255, 255, 255), (29, 33, 38), (88, 94, 105), (229, 231, 235)
_FRAMES: dict[str, Colour] = {
    "probe": (29, 33, 38),
    "same": (15, 107, 99),
    "other": (168, 72, 10),
    "plain": (201, 198, 191),
}
_MOST_BYTES = 8_000_000

Load = Callable[[str], Pixels | None]
"""A photo of the gallery, RGB; None when it cannot be had."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One photo of a sheet.

    Attributes:
        file: relative to the gallery.
        face: what is shown of it; None for all of it.
        name: below the photo.
        note: below the name.
        kind: the colour of its frame; the note says the same in words.
    """

    file: str
    face: Box | None
    name: str
    note: str
    kind: Literal["probe", "same", "other", "plain"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of photos.

    Attributes:
        name: of the file, without suffix.
        title: above it.
        explanation: below the title, line by line.
        rows: the photos, row by row.
    """

    name: str
    title: str
    explanation: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def write_sheets(folder: Path, sheets: Sequence[Sheet], load: Load) -> list[Path]:
    """Write each sheet as a JPEG; returns the files.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for sheet in sheets:
        path = folder / f"{sheet.name}.jpg"
        write_whole(path, encoded(draw_sheet(sheet, load), sheet.title, _MOST_BYTES).jpeg)
        files.append(path)
    return files


def draw_sheet(sheet: Sheet, load: Load) -> Image.Image:
    """The sheet as a picture."""
    columns = max((len(row) for row in sheet.rows), default=1)
    width = 2 * _EDGE_PX + columns * (_SIDE_PX + _GAP_PX) - _GAP_PX
    top = _EDGE_PX + 48 + 24 * len(sheet.explanation)
    canvas = Image.new(
        "RGB",
        (max(width, 900), top + len(sheet.rows) * (_SIDE_PX + _TEXT_PX + _GAP_PX) + _EDGE_PX),
        _PAPER,
    )
    write(canvas, sheet.title, (_EDGE_PX, _EDGE_PX + 24), _TITLE, colour=_INK)
    for number, text in enumerate(sheet.explanation):
        write(canvas, text, (_EDGE_PX, _EDGE_PX + 54 + 24 * number), _NOTE, colour=_QUIET)
    for line, row in enumerate(sheet.rows):
        for column, cell in enumerate(row):
            left = _EDGE_PX + column * (_SIDE_PX + _GAP_PX)
            _draw(canvas, (left, top + line * (_SIDE_PX + _TEXT_PX + _GAP_PX)), cell, load(cell.file))
    return canvas


def _draw(canvas: Image.Image, at: tuple[int, int], cell: Cell, photo: Pixels | None) -> None:
    left, top = at
    canvas.paste(_FRAMES[cell.kind], (left, top, left + _SIDE_PX, top + _SIDE_PX))
    inner = _SIDE_PX - 2 * _FRAME_PX
    if photo is None:
        portrait = Image.new("RGB", (inner, inner), _EMPTY)
    else:
        portrait = cropped(photo, cell.face, (inner, inner))
    canvas.paste(portrait, (left + _FRAME_PX, top + _FRAME_PX))
    name = fit(drawable(cell.name) or "?", _SIDE_PX, _NAME_SIZES, 600)
    baseline = top + _SIDE_PX + 18
    # One line, so that the note always stands at the same place.
    text = name.texts[0] + (" …" if len(name.texts) > 1 else "")
    write(canvas, text, (left, baseline), name.type, colour=_INK)
    note = fit(cell.note, _SIDE_PX, _SMALL_SIZES, 450)
    for number, line in enumerate(note.texts):
        write(canvas, line, (left, baseline + 19 * (number + 1)), note.type, colour=_QUIET)
