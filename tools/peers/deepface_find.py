"""Worker: `DeepFace.find`, deepface's own code, over a datastore in its own format made from our vectors.

Its model "Dlib" is the network that ours was made from, so nothing has to be embedded anew. deepface keeps the
datastore in the folder of photos, which is not ours to write to: it is given a folder of links.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.peers.worker import Loaded, Parts, Setup, kept_whole, serve

_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
_PEOPLE = 10


def load(setup: Setup, parts: Parts) -> Loaded:
    """The package, its network where it looks for it, and the datastore."""
    os.environ["DEEPFACE_HOME"] = setup.kept
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"  # unused by "Dlib"; spares loading TensorFlow
    import face_recognition_models  # noqa: PLC0415

    packaged = face_recognition_models.face_recognition_model_location()
    kept_whole(Path(setup.kept) / ".deepface" / "weights" / _NETWORK, lambda part: _copied(packaged, part))
    from deepface import DeepFace  # noqa: PLC0415
    from deepface.modules import detection, representation  # noqa: PLC0415

    folder = Path(setup.scratch) / "deepface"
    _write_datastore(setup, folder)
    detection.extract_faces = parts.timed("detect", detection.extract_faces)
    representation.represent = parts.timed("embed", representation.represent)

    def find(photos: Sequence[str], **options: object) -> int:
        with parts.part("search"):
            found = DeepFace.find(
                photos[0],
                str(folder),
                model_name="Dlib",
                similarity_search=True,
                k=_PEOPLE,
                silent=True,
                **options,
            )
        # Searching is what is neither of the others: reading the datastore, looking for changes, comparing.
        for other in ("detect", "embed"):
            parts.milliseconds["search"] -= parts.milliseconds[other]
        return len(found)

    def find_kindly(photos: Sequence[str]) -> int:
        return find(photos, refresh_database=False, return_type="dict")

    def find_by_default(photos: Sequence[str]) -> int:
        return find(photos) if setup.lfw else find(photos, refresh_database=False)

    return Loaded(
        {"find": find_by_default, "find kindly": find_kindly},
        ("deepface", "dlib-bin", "opencv-contrib-python-headless", "pandas", "numpy"),
    )


def _write_datastore(setup: Setup, folder: Path) -> None:
    """The index as deepface writes it: where each photo is, a hash of its size and times, vector and face box."""
    from deepface.commons import image_utils  # noqa: PLC0415

    rows = json.loads(Path(setup.photo_list).read_text(encoding="utf-8"))["photos"]
    places = [folder / row["file"] for row in rows]
    hashes = [""] * len(rows)
    folder.mkdir()
    if setup.lfw:
        for number, (place, row) in enumerate(zip(places, rows, strict=True)):
            place.parent.mkdir(exist_ok=True)
            place.symlink_to(Path(setup.lfw) / row["file"])
            hashes[number] = image_utils.find_image_hash(str(place))
    boxes = np.array(
        [[row["face_box"][side] for side in ("x0_px", "y0_px", "x1_px", "y1_px")] for row in rows]
    ).astype(np.int64)
    np.savez(
        folder / "ds_model_dlib_detector_opencv_aligned_normalization_base_expand_0.npz",
        identity=np.array([str(place) for place in places]),
        hash=np.array(hashes, np.str_),
        embedding=np.load(setup.vectors).astype(np.float64),
        has_embedding=np.ones(len(rows), bool),
        target_x=boxes[:, 0],
        target_y=boxes[:, 1],
        target_w=boxes[:, 2] - boxes[:, 0],
        target_h=boxes[:, 3] - boxes[:, 1],
    )


def _copied(source: str, target: Path) -> None:
    shutil.copyfile(source, target)


if __name__ == "__main__":
    serve(load)
