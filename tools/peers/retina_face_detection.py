"""Worker: detection by the `retina-face` package, on the engine named by the first argument: tensorflow or onnx."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.peers.random_retina_face import use_random_weights
from tools.peers.worker import Loaded, Parts, Setup, kept_whole, serve


def load(setup: Setup, parts: Parts) -> Loaded:
    """The package with a network of random weights."""
    engine = sys.argv[1]
    os.environ["DEEPFACE_BACKEND_ENGINE"] = engine
    os.environ["DEEPFACE_HOME"] = setup.kept
    if engine == "onnx":
        kept_whole(Path(setup.kept) / ".deepface" / "weights" / "retinaface.onnx", _convert_apart)
    from retinaface import RetinaFace  # noqa: PLC0415

    if engine == "tensorflow":
        use_random_weights()
    RetinaFace.build_model()
    RetinaFace._predict = parts.timed("network", RetinaFace._predict)

    def faces(photos: Sequence[str]) -> int:
        return len(RetinaFace.detect_faces(photos[0]))

    def faces_as_large_as_they_are(photos: Sequence[str]) -> int:
        return len(RetinaFace.detect_faces(photos[0], allow_upscaling=False))

    runtime = ("tensorflow-cpu", "tensorflow", "tf-keras") if engine == "tensorflow" else ("onnxruntime",)
    return Loaded(
        {"faces": faces, "faces, not upscaled": faces_as_large_as_they_are},
        ("retina-face", *runtime, "numpy"),
    )


def _convert_apart(path: Path) -> None:
    # In a process of its own: this one is to have one engine only.
    subprocess.run([sys.executable, "-m", "tools.peers.random_retina_face", str(path)], check=True)


if __name__ == "__main__":
    serve(load)
