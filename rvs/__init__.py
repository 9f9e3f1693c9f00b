"""Reverse visual search for faces: a photo in, the people it resembles out.

The names below are the library; everything else may move. They are loaded on first use, so that importing
`rvs` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rvs.engine import gallery_photos, load_engine
    from rvs.errors import LookalikeError
    from rvs.photo import Photo, PhotoLimits, read_photo
    from rvs.render import Picture, grid
    from rvs.result import FaceResult, Match, Result, Score
    from rvs.search import Comparison, Lookalike
    from rvs.settings import Settings, load_settings

__version__ = "0.1.0"

_HOMES = {
    "Comparison": "rvs.search",
    "FaceResult": "rvs.result",
    "Lookalike": "rvs.search",
    "LookalikeError": "rvs.errors",
    "Match": "rvs.result",
    "Photo": "rvs.photo",
    "PhotoLimits": "rvs.photo",
    "Picture": "rvs.render",
    "Result": "rvs.result",
    "Score": "rvs.result",
    "Settings": "rvs.settings",
    "gallery_photos": "rvs.engine",
    "grid": "rvs.render",
    "load_engine": "rvs.engine",
    "load_settings": "rvs.settings",
    "read_photo": "rvs.photo",
}

__all__ = [
    "Comparison",
    "FaceResult",
    "Lookalike",
    "LookalikeError",
    "Match",
    "Photo",
    "PhotoLimits",
    "Picture",
    "Result",
    "Score",
    "Settings",
    "gallery_photos",
    "grid",
    "load_engine",
    "load_settings",
    "read_photo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rvs' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
