"""The cards of the page: a person's tile, the name card in place of a missing photo, and the probe.

Each draws itself at the place it is given; where the places are is decided in `rvs.render.picture`.
"""

import zlib
from functools import lru_cache

from PIL import Image

from rvs.arrays import Pixels
from rvs.render import look
from rvs.render.crop import cropped
from rvs.render.lettering import Colour, Lines, centred_baseline, drawable, fit, write
from rvs.render.look import Place, lay_card, rounded
from rvs.render.phrases import percentile_text, readable_name
from rvs.result import Match

_TEXT_ROOM_PX = look.TILE_PX - 2 * look.PAD_PX


@lru_cache(maxsize=1024)
def name_lines(person: str) -> tuple[Lines, bool]:
    """The name as a tile writes it, and whether that is really the name.

    A name that the font cannot draw is replaced by a pointer to the text beside the picture, where every
    client can show it.
    """
    name = drawable(person)
    if name:
        return fit(name, _TEXT_ROOM_PX, look.NAME_SIZES, look.NAME_WEIGHT), True
    label = "name in caption" if readable_name(person) else "no name"
    return fit(label, _TEXT_ROOM_PX, look.NAME_SIZES[1:], 450), False


def tile_height(lines: int) -> int:
    """Height in pixels of a tile whose name has this many lines."""
    return look.PHOTO_PX + 13 + lines * look.NAME_PITCH_PX + 56


def portrait(match: Match, photo: Pixels | None) -> Image.Image:
    """What a person's tile shows above their name: the face in their photo, or a name card without one."""
    size = (look.TILE_PX, look.PHOTO_PX)
    if photo is None or photo.size == 0:
        return _name_card(match.person, size)
    return cropped(photo, match.face_box, size)


def draw_person(canvas: Image.Image, place: Place, match: Match) -> None:
    """Draw one person's card: name, word and percentile, and room for the portrait."""
    lay_card(canvas, place, look.CARD)
    lines, known = name_lines(match.person)
    _draw_lines(canvas, place, lines, look.INK if known else look.MUTED)
    baseline = place.bottom_px - 22
    accent = look.ACCENTS[match.score.word]
    write(canvas, match.score.word, (place.left_px + look.PAD_PX, baseline), look.WORD, colour=accent)
    percentile = percentile_text(match.score.percentile)
    right = (place.right_px - look.PAD_PX, baseline)
    write(canvas, percentile, right, look.QUIET, colour=look.MUTED, align="right")


def hang_portrait(canvas: Image.Image, place: Place, match: Match, picture: Image.Image) -> None:
    """Put a portrait into the room that its card has for it, and the rank onto it."""
    # Only the strip with the round corners needs a mask; pasting without one takes a fifth of the time.
    strip = 2 * look.RADIUS_PX
    corners = rounded(place.width_px, strip, look.RADIUS_PX, top_only=True)
    canvas.paste(picture.crop((0, 0, picture.width, strip)), (place.left_px, place.top_px), corners)
    canvas.paste(picture.crop((0, strip, *picture.size)), (place.left_px, place.top_px + strip))
    _draw_rank(canvas, place.left_px + 12, place.top_px + 12, match.rank, look.ACCENTS[match.score.word])


def draw_probe_tile(canvas: Image.Image, place: Place, chip: Pixels, title: str, note: str) -> None:
    """Draw the probe like a tile: the chip above, title and note below."""
    lay_card(canvas, place, look.NIGHT)
    side = look.PHOTO_PX - 32
    _draw_chip(canvas, place.left_px + (place.width_px - side) // 2, place.top_px + 22, side, chip)
    lines = fit(title, _TEXT_ROOM_PX, look.NAME_SIZES, look.NAME_WEIGHT)
    _draw_lines(canvas, place, lines, look.ON_NIGHT)
    at = (place.left_px + look.PAD_PX, place.bottom_px - 22)
    write(canvas, note, at, look.QUIET, colour=look.ON_NIGHT_MUTED)


def draw_probe_banner(canvas: Image.Image, place: Place, chip: Pixels, title: str, note: str) -> None:
    """Draw the probe as a card wider than high: the chip at the left, title and note beside it."""
    lay_card(canvas, place, look.NIGHT)
    side = min(place.height_px - 44, 236)
    edge = min((place.height_px - side) // 2, 32)
    _draw_chip(canvas, place.left_px + edge, place.top_px + (place.height_px - side) // 2, side, chip)
    left = place.left_px + edge + side + 32
    lines = fit(title, place.right_px - 28 - left, look.TITLE_SIZES, look.TITLE_WEIGHT)
    pitch = round(1.18 * lines.type.size_px)
    to_note = 48
    block = lines.type.cap_px + (len(lines.texts) - 1) * pitch + to_note
    baseline = round(place.top_px + (place.height_px - block) / 2 + lines.type.cap_px)
    for number, text in enumerate(lines.texts):
        write(canvas, text, (left, baseline + number * pitch), lines.type, colour=look.ON_NIGHT)
    baseline += (len(lines.texts) - 1) * pitch + to_note
    write(canvas, note, (left, baseline), look.NOTE, colour=look.ON_NIGHT_MUTED)


def _draw_lines(canvas: Image.Image, place: Place, lines: Lines, colour: Colour) -> None:
    for number, text in enumerate(lines.texts):
        baseline = place.top_px + look.PHOTO_PX + 13 + round((number + 0.78) * look.NAME_PITCH_PX)
        write(canvas, text, (place.left_px + look.PAD_PX, baseline), lines.type, colour=colour)


def _draw_chip(canvas: Image.Image, left_px: int, top_px: int, side_px: int, chip: Pixels) -> None:
    if chip.size:
        portrait = cropped(chip, None, (side_px, side_px))
        canvas.paste(portrait, (left_px, top_px), rounded(side_px, side_px, 16))


def _draw_rank(canvas: Image.Image, left_px: int, top_px: int, rank: int, colour: Colour) -> None:
    text = str(rank)
    height = 46
    width = height + 16 * max(0, len(text) - 2)
    canvas.paste(look.CARD, (left_px, top_px), rounded(width, height, height // 2))
    inner = rounded(width - 6, height - 6, height // 2 - 3)
    canvas.paste(colour, (left_px + 3, top_px + 3), inner)
    at = (left_px + width // 2, centred_baseline(top_px + height / 2, look.RANK))
    write(canvas, text, at, look.RANK, colour=look.CARD, align="centre")


def _name_card(person: str, size: tuple[int, int]) -> Image.Image:
    width, height = size
    # By the name, so that a person keeps their colour; by CRC, because hash() differs between processes.
    ground, ink = look.TINTS[zlib.crc32(readable_name(person).encode()) % len(look.TINTS)]
    card = Image.new("RGB", size, ground)
    initials = _initials(drawable(person))
    if initials:
        at = (width // 2, centred_baseline(height / 2, look.INITIALS))
        write(card, initials, at, look.INITIALS, colour=ink, align="centre")
    else:
        # Nobody in particular: head and shoulders, quieter than letters would be.
        red, green, blue = ((2 * light + dark) // 3 for light, dark in zip(ground, ink, strict=True))
        card.paste((red, green, blue), (width // 2 - 41, 55), rounded(82, 82, 41))
        shoulders = rounded(164, height - 153, 74, top_only=True)
        card.paste((red, green, blue), (width // 2 - 82, 153), shoulders)
    return card


def _initials(name: str) -> str:
    words = [word for word in name.split() if word[0].isalpha()]
    ends = words if len(words) < 2 else [words[0], words[-1]]
    return "".join(word[0].upper()[0] for word in ends)
