"""Is this face good enough to be compared, and if not, why? In words a person understands.

Measures one detected face: size, sharpness, light, pose, and how much of it the photo shows. It neither
detects nor embeds; what each measure costs was found out beforehand and stands next to the limits.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels, Points
from rvs.faces.alignment import TEMPLATE, similarity_transform
from rvs.faces.face import Box, Face


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one face and what follows from them.

    Attributes:
        width_px: width of the face in pixels of the photo as it was sent.
        sharpness: 0 (smeared, or nothing to see) .. 1 (crisp); most photos lie between 0.4 and 0.8. It
            depends neither on the size of the face nor on light and contrast; grain raises it a little.
        brightness: mean luma of the face (ITU-R BT.601), 0..255.
        yaw_deg: estimated head turn to the side in degrees, -90..90, 0 facing the camera, positive when the
            nose points to the image's right.
        roll_deg: in-plane rotation in degrees, -180..180, 0 upright, positive clockwise.
        problems: one sentence each, such as "the face is only 24 px wide"; empty for a good face.
        usable: False when a comparison would be meaningless; a usable face may still have problems.
    """

    width_px: float
    sharpness: float
    brightness: float
    yaw_deg: float
    roll_deg: float
    problems: tuple[str, ...]
    usable: bool


@dataclass(frozen=True, slots=True)
class _Limit:
    """Where a measure becomes a problem, and where the face is of no use any more.

    When `useless` is the smaller of the two, small values are the bad ones.
    """

    problem: float
    useless: float

    def is_problem(self, value: float) -> bool:
        return self._reaches(value, self.problem)

    def is_useless(self, value: float) -> bool:
        return self._reaches(value, self.useless)

    def _reaches(self, value: float, limit: float) -> bool:
        return value >= limit if self.useless > self.problem else value < limit


# Each limit was measured on photos of 300 people of LFW, made worse step by step, detected and embedded anew,
# and searched among all 13,233. Untouched, 94 % find the same person first. A problem begins where the vector
# has moved by 0.2 in the median (two photos of one person are 0.29 apart, strangers 0.63), which costs 10 to 30
# of those 94 %; a face is useless where no more than half of the probes still find the person. In brackets: the
# median move, and the share that finds the person, just beyond either limit.
_WIDTH_PX = _Limit(26, 19)  # (0.22, 77 %) (0.29, 50 %); at 18 px the detector misses every fourth face
_SHARPNESS = _Limit(0.34, 0.22)  # (0.21, 72 %) (0.30, 41 %): Gaussian and motion blur, small photos enlarged
_LIGHT = _Limit(18, 10)  # (0.21, 75 %) (0.32, 38 %): mean luma, grain of 2 levels. LFW's darkest face has 41
_BURNT = _Limit(0.40, 0.70)  # (0.23, 73 %) (0.33, 29 %): share of the face that is white
_CONTRAST = _Limit(5.5, 3.5)  # (0.25, 71 %) (0.30, 41 %): standard deviation of luma. LFW's least is 11.6
_OUTSIDE = _Limit(0.25, 0.35)  # (0.20, 81 %) (0.31, 44 %): cut at the left, right, top or bottom
_ROLL_DEG = _Limit(55, 90)  # (0.21, 65 %) (0.29, 36 %): the detector has learned upright faces
# A head cannot be turned afterwards, so all of LFW served, by estimated yaw. Up to 45 degrees nothing is lost;
# of 45 photos beyond 50 degrees 71 % find the person, of 13 beyond 60 degrees 38 %.
_YAW_DEG = _Limit(50, 60)

# Sharpness and light are measured on this many samples across the middle of the face, whatever its size: about
# as many as the smallest face without a problem has pixels. Finer blur hardly moves the vector.
_SAMPLES = 24
_MIDDLE = 0.8  # of the box: without hair and background
_WHITE = 250  # luma
_LEAST_STEP_POWER = 1e-3  # squared grey levels; anything less is rounding

# The face in the frame of `TEMPLATE`, ear to ear and hair to chin: x0, y0, x1, y1. The detector's box will not
# do for a face cut off: it mostly ends where the photo ends, while the landmarks are guessed beyond it.
_FACE_AREA = (22, 0, 128, 138)

# How far the tip of the nose stands out from the plane of eyes and mouth, in distances between the eyes. From
# LFW itself: as heads turn, that distance shrinks with the cosine while the nose moves with the sine. Photos
# grouped by where the eyes lie in the box (so that errors of the landmarks do not decide the group) give 0.48
# to 0.53. So a yaw is good to about a fifth of itself.
_NOSE_DEPTH = 0.5


def assess(pixels: Pixels, face: Face, reduction: float = 1.0) -> Quality:
    """Measure a face and judge it.

    Args:
        pixels: (height, width, 3) uint8 RGB, at least one pixel; the frame of the face.
        face: any, also with a box beyond the photo or landmarks that coincide.
        reduction: how many times as wide the photo was when it was sent (`Photo.reduction`). The width that
            is reported is that of the photo as sent; the limits apply to `pixels`, which is what is compared.
    """
    luma = _sample(pixels, face.box)
    sharpness, brightness, burnt = _sharpness(luma), float(luma.mean()), float((luma >= _WHITE).mean())
    roll_deg, yaw_deg = _pose(face.points)
    outside = _share_outside(face.points, pixels.shape[1], pixels.shape[0])
    light = [
        (_LIGHT, brightness, "there is hardly any light on the face"),
        (_BURNT, burnt, "the face is overexposed"),
    ]
    if not any(limit.is_problem(value) for limit, value, _ in light):
        # Both leave no contrast either, so only here it is news.
        light.append((_CONTRAST, float(luma.std()), "there is hardly any contrast in the face"))
    # Where nothing can be seen, nothing can be called blurred.
    visible = not any(limit.is_useless(value) for limit, value, _ in light)
    checks = [
        (_WIDTH_PX, face.box.width_px, _size_sentence(face.box.width_px, reduction)),
        *([(_SHARPNESS, sharpness, "the face is blurred")] if visible else []),
        *light,
        (_YAW_DEG, abs(yaw_deg), "the head is turned away to the side"),
        (_ROLL_DEG, abs(roll_deg), "the face is not upright"),
        (_OUTSIDE, outside, "part of the face is outside the photo"),
    ]
    return Quality(
        width_px=face.box.width_px * reduction,
        sharpness=sharpness,
        brightness=brightness,
        yaw_deg=yaw_deg,
        roll_deg=roll_deg,
        problems=tuple(sentence for limit, value, sentence in checks if limit.is_problem(value)),
        usable=not any(limit.is_useless(value) for limit, value, _ in checks),
    )


def _size_sentence(width_px: float, reduction: float) -> str:
    sentence = f"the face is only {width_px * reduction:.0f} px wide"
    if round(width_px * reduction) == round(width_px):
        return sentence
    return f"{sentence}, {width_px:.0f} px once the large photo is reduced"


def _sample(pixels: Pixels, box: Box) -> NDArray[np.float32]:
    """Luma 0..255 of the middle of a face, at most `_SAMPLES` across the box's middle; at least (1, 1)."""
    x, y = box.centre_px
    x0, x1 = _span(x, box.width_px * _MIDDLE, pixels.shape[1])
    y0, y1 = _span(y, box.height_px * _MIDDLE, pixels.shape[0])
    part = Image.fromarray(np.ascontiguousarray(pixels[y0:y1, x0:x1]))
    factor = box.width_px * _MIDDLE / _SAMPLES
    if factor > 1:  # never enlarged: a small face is as sharp as its pixels
        size = (max(1, round(part.width / factor)), max(1, round(part.height / factor)))
        part = part.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(part.convert("F"))


def _span(centre: float, length: float, limit: int) -> tuple[int, int]:
    """The whole pixels of a stretch that are inside 0..limit; the nearest one when there is none."""
    start = min(max(math.floor(centre - length / 2), 0), limit - 1)
    return start, min(max(math.ceil(centre + length / 2), start + 1), limit)


def _sharpness(luma: NDArray[np.float32]) -> float:
    """How little a step from one sample to the next says about the step after it, 0..1.

    One minus the correlation of neighbouring steps, in that of four directions where they are most alike. At a
    crisp edge one step does it all; across a smeared edge many steps go the same way. Being a correlation it
    does not depend on contrast.
    """
    found = []
    for view, down, right in ((luma, 0, 1), (luma, 1, 0), (luma, 1, 1), (luma[:, ::-1], 1, 1)):
        steps = view[down:, right:] - view[: view.shape[0] - down, : view.shape[1] - right]
        second = steps[down:, right:]
        first = steps[: second.shape[0], : second.shape[1]]
        power = float((first**2 + second**2).sum()) / 2
        if power > _LEAST_STEP_POWER * first.size:
            # Diagonal steps are longer, so they have less in common in a face that is as sharp.
            found.append((1 - float((first * second).sum()) / power) / math.hypot(down, right))
    return min(max(min(found, default=0.0), 0.0), 1.0)


def _pose(points: Points) -> tuple[float, float]:
    """Roll and yaw in degrees from five landmarks.

    Roll is the mean direction of the eye line, the mouth line and what is at right angles to the line between
    them. Yaw is weak perspective after Gee and Cipolla, "Determining the gaze of faces in images" (1994): with
    the roll undone, a nose that stands out d eye distances from the face plane is seen d tan(yaw) eye distances
    off the middle line. Mirroring the photo flips both signs.
    """
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    down_x, down_y = mouth - eyes
    across = (right_eye - left_eye) + (right_mouth - left_mouth) + (down_y, -down_x)
    roll = math.atan2(across[1], across[0])
    cos, sin = math.cos(roll), math.sin(roll)
    upright = np.array([right_eye - left_eye, mouth - eyes, nose - eyes]) @ ((cos, -sin), (sin, cos))
    (apart, _), (lean, height), (nose_x, nose_y) = upright.tolist()
    # The middle line at the height of the nose; a nose above the eyes or below the mouth is a bad landmark.
    share = min(max(nose_y / height, 0.0), 1.0) if height > 0 else 0.0
    yaw = math.atan2(nose_x - share * lean, _NOSE_DEPTH * max(apart, 0.0))
    return math.degrees(roll), math.degrees(yaw)


def _share_outside(points: Points, width_px: int, height_px: int) -> float:
    """The share of the face, 0..1, that lies outside the photo, judged by where its landmarks put it."""
    seen_x, seen_y = similarity_transform(TEMPLATE, points) @ _face_spots()
    # The centre of the first pixel is 0, so the photo begins half a pixel before it.
    inside = (np.abs(seen_x - (width_px - 1) / 2) <= width_px / 2) & (
        np.abs(seen_y - (height_px - 1) / 2) <= height_px / 2
    )
    return 1 - float(inside.mean())


@cache
def _face_spots() -> NDArray[np.float64]:
    """(3, 256): x, y and 1 of spots spread evenly over a face, in the frame of `TEMPLATE`."""
    x0, y0, x1, y1 = _FACE_AREA
    x, y = np.meshgrid(np.linspace(x0, x1, 16), np.linspace(y0, y1, 16))
    spots = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    spots.flags.writeable = False
    return spots
