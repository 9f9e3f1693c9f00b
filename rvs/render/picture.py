"""The page of the people a face resembles: where each card stands, and the picture that comes out.

Everything stands on three columns. The probe takes what the people leave over in the first row (a tile, a
double tile, or a banner above them), so no row ever ends with a lonely tile.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from PIL import Image

from rvs.arrays import Pixels
from rvs.render import look
from rvs.render.jpeg import Picture, encoded
from rvs.render.lettering import write
from rvs.render.look import GAP_PX, MARGIN_PX, TILE_PX, Place
from rvs.render.phrases import MAX_PEOPLE, alt_text
from rvs.render.tiles import (
    draw_person,
    draw_probe_banner,
    draw_probe_tile,
    hang_portrait,
    name_lines,
    portrait,
    tile_height,
)
from rvs.result import FaceResult, Match

PhotoLoader: TypeAlias = Callable[[Match], Pixels | None]
"""Gives the gallery photo of a match, (h, w, 3) uint8 RGB in the frame of its `face_box`, or None when the
photo is not on this machine. It is called once for each match that is drawn, in their order, by the thread that
asked for the page. What it gives must stay as it is until the page is done."""

_COLUMNS = 3
_WIDTH_PX = 2 * MARGIN_PX + _COLUMNS * TILE_PX + (_COLUMNS - 1) * GAP_PX
_BANNER_PX = 192
_FOOTER_PX = 43
_EXPLANATION = "x %: closer than x % of pairs of strangers. A resemblance, not an identity."


def grid(found: FaceResult, load_photo: PhotoLoader, *, max_bytes: int = 1_000_000) -> Picture:
    """Draw one face and the people it resembles.

    Safe to call from several threads at once; it has a second thread of its own until it returns. The same input
    gives the same bytes.

    Args:
        found: the face and its people, best first; those after the first `MAX_PEOPLE` are not drawn.
        load_photo: see `PhotoLoader`; what it raises comes through. A person whose photo is not here gets
            a card with their initials.
        max_bytes: the most bytes the JPEG may have. Quality is lowered for that, then size.

    Returns:
        The picture and the words that describe it.

    Raises:
        ConfigError: `max_bytes` is too small for any picture, or a percentile is not within 0..100.
    """
    matches = found.matches[:MAX_PEOPLE]
    # Portraits are half the work of a page, nearly all of it without Python's lock: a second core makes them while
    # photos are read and the rest is drawn.
    with ThreadPoolExecutor(1, thread_name_prefix="rvs-portraits") as beside:
        photos, orders = [], []
        for match in matches:
            photos.append(load_photo(match))
            orders.append(beside.submit(portrait, match, photos[-1]))
        canvas, tiles = _page(found.chip, matches)
        for place, match, photo, order in zip(tiles, matches, photos, orders, strict=True):
            # What the other thread has not begun is made here, so that without a second core nobody waits.
            picture = portrait(match, photo) if order.cancel() else order.result()
            hang_portrait(canvas, place, match, picture)
    return encoded(canvas, alt_text(found), max_bytes)


def _page(chip: Pixels, matches: tuple[Match, ...]) -> tuple[Image.Image, list[Place]]:
    """The page without its portraits, and the places of the people's cards."""
    probe, tiles, height_px = _places(matches)
    canvas = Image.new("RGB", (_WIDTH_PX, height_px), look.PAPER)
    title, note = _heading(len(matches))
    draw_probe = draw_probe_tile if probe.width_px == TILE_PX else draw_probe_banner
    draw_probe(canvas, probe, chip, title, note)
    for place, match in zip(tiles, matches, strict=True):
        draw_person(canvas, place, match)
    if matches:
        at = (_WIDTH_PX // 2, height_px - MARGIN_PX)
        write(canvas, _EXPLANATION, at, look.FOOTER, colour=look.MUTED, align="centre")
    return canvas, tiles


def _places(matches: tuple[Match, ...]) -> tuple[Place, list[Place], int]:
    """Where the probe and each person stand, and the height of the page."""
    beside_probe = len(matches) % _COLUMNS
    span = _COLUMNS - beside_probe
    probe_width = span * TILE_PX + (span - 1) * GAP_PX
    top = MARGIN_PX
    probe = Place(MARGIN_PX, top, probe_width, _BANNER_PX)
    if not beside_probe:
        top = probe.bottom_px + GAP_PX

    tiles: list[Place] = []
    start = 0
    while start < len(matches):
        end = start + _COLUMNS if start or not beside_probe else beside_probe
        lines = max(len(name_lines(match.person)[0].texts) for match in matches[start:end])
        if span == 1 and not start:
            lines = 2  # as many as the probe's title has, which stands in this row as a tile
        height = tile_height(lines)
        columns = range(_COLUMNS - (end - start), _COLUMNS)
        tiles += [Place(MARGIN_PX + column * (TILE_PX + GAP_PX), top, TILE_PX, height) for column in columns]
        if beside_probe and not start:
            probe = Place(MARGIN_PX, top, probe_width, height)
        top += height + GAP_PX
        start = end
    return probe, tiles, top - GAP_PX + MARGIN_PX + (_FOOTER_PX if matches else 0)


def _heading(people: int) -> tuple[str, str]:
    if not people:
        return "No resemblance found", "Nobody in this gallery resembles this face."
    if people == 1:
        return "This face resembles…", "one person"
    where_there_is_room = ", most alike first" if people % _COLUMNS == 0 else ""
    return "This face resembles…", f"{people} people{where_there_is_room}"
