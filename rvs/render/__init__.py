"""Answers as pictures that can be posted in a chat: the people a face resembles, two faces compared, and
which faces of a photo there are.

This room knows how an answer looks and reads. It refuses to know where photos live (a loader is handed
in), how the answer was found, and who will look at it.
"""

from rvs.render.jpeg import Picture
from rvs.render.overview import overview
from rvs.render.pair import pair
from rvs.render.phrases import (
    ALT_TEXT_LIMIT,
    MAX_PEOPLE,
    alt_text,
    closer_text,
    percentile_text,
    readable_name,
)
from rvs.render.picture import PhotoLoader, grid

__all__ = [
    "ALT_TEXT_LIMIT",
    "MAX_PEOPLE",
    "PhotoLoader",
    "Picture",
    "alt_text",
    "closer_text",
    "grid",
    "overview",
    "pair",
    "percentile_text",
    "readable_name",
]
