"""Memory that one photo leaves behind is kept for the next one, where the C library would return it in between.

A decoded photo, a reduced one and a page are blocks of megabytes. glibc returns them to the system as soon as they
are free, and the next photo pays for every page again, cleared by the system: `tests/test_heap.py` counts them. Only
glibc is told; it knows nothing of photos.
"""

import ctypes
import platform

# From malloc.h: what frees at the top of a heap before it is trimmed, and from which size on blocks are mapped apart.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The largest blocks are those of a photo of 2,560 x 1,920: 20 MB. What two photos at once need is kept, not more.
_MAPPED_FROM_BYTES = 32 * 2**20
_KEPT_BYTES = 64 * 2**20


def keep_freed_memory() -> bool:
    """Tell the C library, for as long as this process lives; False where it is not glibc."""
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    mapped = library.mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
    kept = library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    return bool(mapped and kept)
