"""Worker: what DeepImageSearch 1.4 does with a photo, the last version on Keras and Annoy, in lines of our own.

VGG16's first fully connected layer (4,096 numbers) of the whole photo at 224 x 224 by `predict`, divided by its
length; Annoy, Euclidean, 100 trees, opened for each question and asked with its default search width. That package
also builds VGG16 anew for each question; here it is built once.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tools.peers.worker import Loaded, Parts, Setup, kept_whole, serve

_DIMENSION = 4096
_TREES = 100
_SIDE_PX = 224
_PHOTOS = 10


def load(setup: Setup, parts: Parts) -> Loaded:
    """VGG16 with random weights, and an Annoy file over as many random vectors as the index has photos."""
    from annoy import AnnoyIndex  # noqa: PLC0415
    from keras.applications.vgg16 import preprocess_input  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    rows = len(np.load(setup.vectors, mmap_mode="r"))
    forest = kept_whole(Path(setup.kept) / f"vgg16-{rows}.annoy", lambda part: _write_forest(part, rows))
    _network()  # the first one also sets TensorFlow up
    started = time.perf_counter()
    network = _network()
    building_ms = (time.perf_counter() - started) * 1000

    def photos_alike(photos: Sequence[str]) -> int:
        with parts.part("decode"), Image.open(photos[0]) as image:
            small = image.resize((_SIDE_PX, _SIDE_PX)).convert("RGB")
        with parts.part("embed"):
            batch = preprocess_input(np.asarray(small, np.float32)[np.newaxis].copy())
            vector = network.predict(batch, verbose=0)[0]
            vector = vector / np.linalg.norm(vector)
        with parts.part("search"):
            index = AnnoyIndex(_DIMENSION, "euclidean")
            index.load(str(forest))
            index.get_nns_by_vector(vector, _PHOTOS)
        return 0

    return Loaded(
        {"photos": photos_alike},
        ("keras", "tensorflow-cpu", "tensorflow", "annoy", "numpy", "pillow"),
        {"building VGG16, which the package does for each question": building_ms},
    )


def _network() -> Any:
    import keras  # noqa: PLC0415
    from keras.applications import VGG16  # noqa: PLC0415

    keras.utils.set_random_seed(1)
    whole = VGG16(weights=None)
    return keras.Model(whole.input, whole.get_layer("fc1").output)


def _write_forest(path: Path, rows: int) -> None:
    from annoy import AnnoyIndex  # noqa: PLC0415

    draw = np.random.default_rng(1)
    index = AnnoyIndex(_DIMENSION, "euclidean")
    index.set_seed(1)
    for row in range(rows):
        vector = np.maximum(draw.standard_normal(_DIMENSION, np.float32), 0)  # after a ReLU, as VGG16's are
        index.add_item(row, vector / np.linalg.norm(vector))
    index.build(_TREES)
    index.save(str(path))


if __name__ == "__main__":
    serve(load)
