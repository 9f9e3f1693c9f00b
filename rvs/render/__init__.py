"""One face and the people it resembles, as one picture that can be posted in a chat.

This room knows how an answer looks and reads. It refuses to know where photos live (a loader is handed
in), how the answer was found, and who will look at it.
"""

from rvs.render.phrases import ALT_TEXT_LIMIT, MAX_PEOPLE, alt_text, percentile_text
from rvs.render.picture import PhotoLoader, Picture, grid

__all__ = [
    "ALT_TEXT_LIMIT",
    "MAX_PEOPLE",
    "PhotoLoader",
    "Picture",
    "alt_text",
    "grid",
    "percentile_text",
]
