"""Is this face good enough to be compared, and if not, why? In words a person understands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one face and what follows from them.

    Attributes:
        width_px: width of the face in pixels of the photo as it was sent.
        sharpness: 0 (smeared) .. 1 (crisp).
        brightness: mean luma of the face, 0..255.
        yaw_deg: estimated head turn to the side in degrees, 0 facing the camera, positive when the nose
            points to the image's right.
        roll_deg: in-plane rotation in degrees, positive clockwise.
        problems: one sentence each, such as "the face is only 31 px wide"; empty for a good face.
        usable: False when a comparison would be meaningless; a usable face may still have problems.
    """

    width_px: float
    sharpness: float
    brightness: float
    yaw_deg: float
    roll_deg: float
    problems: tuple[str, ...]
    usable: bool


def assess(pixels, face, reduction=1.0):
    return Quality(face.box.width_px * reduction, 1.0, 128.0, 0.0, 0.0, (), True)
