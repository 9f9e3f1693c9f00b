"""The array types that cross module borders, with shape, dtype and meaning in one place."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""(height, width, 3), RGB, 0..255, row 0 at the top."""

Chips: TypeAlias = NDArray[np.uint8]
"""(n, height, width, 3), RGB, 0..255: what an embedding network takes."""

Vectors: TypeAlias = NDArray[np.float32]
"""(n, dimension), each row of unit length unless said otherwise."""

Distances: TypeAlias = NDArray[np.float32]
"""(n,) or (n, k): Euclidean distances between unit vectors, 0..2, infinity where there is none."""

Ids: TypeAlias = NDArray[np.int64]
"""(n,) or (n, k): row numbers of gallery photos in an index version, -1 where there is none."""

Points: TypeAlias = NDArray[np.float64]
"""(n, 2): x to the right, y down, in pixels; the centre of the top left pixel is (0, 0)."""
