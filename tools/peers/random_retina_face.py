"""The network of the `retina-face` package with random weights, for its two engines.

The published weights cannot be had where nothing is downloaded. Random scores would be above the threshold at
thousands of places, and sorting those out takes ten times as long as the network; so the three layers that give
the scores are zeroed: every score is 0.5, and no face is found. All layers are computed all the same.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

_OPSET = 17


def use_random_weights() -> None:
    """From now on the package's Keras network has seeded random weights; its engine must be TensorFlow."""
    import tensorflow as tf  # noqa: PLC0415
    from retinaface.model import retinaface_model  # noqa: PLC0415

    tf.keras.utils.set_random_seed(1)
    retinaface_model.load_weights = _finds_nothing


def write_onnx(path: Path) -> None:
    """Convert the network for the package's ONNX engine; takes half a minute."""
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "tensorflow"
    # First, because it chooses the old Keras, for which the network is written.
    from retinaface import RetinaFace  # noqa: F401, PLC0415, I001
    from retinaface.model import retinaface_model  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    import tf2onnx  # noqa: PLC0415

    use_random_weights()
    tf2onnx.convert.from_keras(
        retinaface_model.build_model(),
        input_signature=(tf.TensorSpec((None, None, None, 3), tf.float32, name="data"),),
        opset=_OPSET,
        output_path=str(path),
    )


def _finds_nothing(network: Any) -> Any:
    for stride in (8, 16, 32):
        layer = network.get_layer(f"face_rpn_cls_score_stride{stride}")
        layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    return network


if __name__ == "__main__":
    write_onnx(Path(sys.argv[1]))
