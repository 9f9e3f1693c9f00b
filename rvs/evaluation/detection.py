"""Detection: in how many photos of LFW was the face found that the photo is about? Read off an index.

LFW was itself collected with a face detector, one face in the middle of each photo, so that this says little of
photos that people send.
"""

from dataclasses import dataclass

from rvs.gallery.lfw import SIDE_PX
from rvs.gallery.version import Version

_BESIDE = "The face found is not at the centre."


@dataclass(frozen=True, slots=True)
class Missed:
    """A photo, relative to the gallery, and what went wrong."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Detection:
    """Figures of one index.

    Attributes:
        photos: of the gallery.
        found: share of them with a face whose box holds the photo's centre.
        missed: the others.
    """

    photos: int
    found: float
    missed: tuple[Missed, ...]


def centre_faces(version: Version) -> Detection | None:
    """Whether the centre face of each photo was found; None when the pipeline looks for no faces.

    The index must be over LFW, whose photos have `SIDE_PX` pixels each way.
    """
    boxes = [photo.face_box for photo in version.photos]
    if not any(boxes):
        return None
    middle = SIDE_PX / 2
    missed = [Missed(miss.file, miss.reason) for miss in version.misses]
    missed += [
        Missed(photo.file, _BESIDE)
        for photo, box in zip(version.photos, boxes, strict=True)
        if box is None or not (box.x0_px <= middle <= box.x1_px and box.y0_px <= middle <= box.y1_px)
    ]
    photos = len(version.photos) + len(version.misses)
    return Detection(
        photos, 1 - len(missed) / photos, tuple(sorted(missed, key=lambda missing: missing.file))
    )
