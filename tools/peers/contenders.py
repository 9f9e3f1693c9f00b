"""Who is compared: which worker and task each is, what it does and does not do, and what of it was made up."""

from dataclasses import dataclass
from typing import Literal

WITH_GRID = "rvs: photo to grid"
PEOPLE = "rvs: photo to people"
FACES = "rvs: photo to faces"
FACE_RECOGNITION = "face_recognition"
INDEX = "rvs: index"


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the comparison.

    Attributes:
        name: in tables.
        worker: module and arguments; contenders with the same worker share its process.
        environment: which environment it runs in.
        task: what the worker is asked for.
        does: what happens in the time, and what does not. Sentences.
        made_up: what of it is random or was replaced, and why. Sentences, or "".
        against: which of ours does no more and no less.
        slow: takes part in every second round.
        warm_ups: calls before the first round, at least 1.
    """

    name: str
    worker: tuple[str, ...]
    environment: Literal["project", "peers"]
    task: str
    does: str
    against: str
    made_up: str = ""
    slow: bool = False
    warm_ups: int = 3


_OURS = ("tools.peers.ours",)
_OURS_IN_F32 = ("tools.peers.ours", "f32")
_FACE_RECOGNITION = ("tools.peers.face_recognition_pipeline",)
_DEEPFACE = ("tools.peers.deepface_find",)
_RETINA_FACE_TENSORFLOW = ("tools.peers.retina_face_detection", "tensorflow")
_RETINA_FACE_ONNX = ("tools.peers.retina_face_detection", "onnx")

_OUR_VECTORS = "The datastore was written in its own format from our vectors."
_RANDOM_RETINA_FACE = (
    "The weights are random, because the published ones are a download. Random scores would pass the threshold at "
    "thousands of places, so the layers that give the scores are zeroed: it finds no face, and sorting faces out "
    "costs nothing here."
)
_SAME_WEIGHTS = "The same weights."
_OWN_ONNX_FILE = (
    "The same weights. The ONNX file was converted from the package's Keras network; the published one was exported "
    "from PyTorch."
)

CONTENDERS = (
    Contender(
        WITH_GRID,
        _OURS,
        "project",
        "grid",
        "What the bot calls: a photo's bytes to the bytes of the picture grid of eight people. Decodes, finds all "
        "faces, judges and aligns the largest, embeds it and its mirror image, searches, groups by person, scores, "
        "draws.",
        against=WITH_GRID,
    ),
    Contender(
        PEOPLE,
        _OURS,
        "project",
        "people",
        "The same up to the ten ranked people, without the picture.",
        against=PEOPLE,
    ),
    Contender(
        f"{PEOPLE} (f32)",
        _OURS_IN_F32,
        "project",
        "people",
        "The same, computed in f32 as the others do, for where the processor has something faster.",
        against=PEOPLE,
    ),
    Contender(
        FACES,
        _OURS,
        "project",
        "faces",
        "A photo's bytes to all faces with landmarks.",
        against=FACES,
    ),
    Contender(
        FACE_RECOGNITION,
        _FACE_RECOGNITION,
        "peers",
        "people",
        "`load_image_file`, `face_locations` (HOG), `face_encodings` of the largest face (five landmarks, dlib's "
        "ResNet), `face_distance` to all vectors, the ten nearest photos. Defaults throughout, but that by default "
        "all faces would be embedded. It does not group by person, score or draw.",
        against=PEOPLE,
    ),
    Contender(
        "deepface find",
        _DEEPFACE,
        "peers",
        "find",
        '`DeepFace.find` with the model "Dlib", the network that ours was made from, its default detector (OpenCV\'s '
        "cascades) and `similarity_search` for ten photos, otherwise its defaults: it reads its datastore, looks "
        "through the folder of photos for changes, and searches row by row, once for every face it finds. It does "
        "not group by person or draw.",
        against=PEOPLE,
        made_up=_OUR_VECTORS,
        slow=True,
        warm_ups=1,
    ),
    Contender(
        "deepface find (kindly)",
        _DEEPFACE,
        "peers",
        "find kindly",
        'The same with `refresh_database=False` and `return_type="dict"`: it does not look for changes, and compares '
        "all rows at once.",
        against=PEOPLE,
        made_up=_OUR_VECTORS,
        slow=True,
        warm_ups=1,
    ),
    Contender(
        "VGG16 + Annoy",
        ("tools.peers.vgg16_annoy",),
        "peers",
        "photos",
        "What DeepImageSearch 1.4 does, the last version on Keras and Annoy, in lines of our own: the whole photo at "
        "224 x 224 through VGG16 by `predict`, 4,096 numbers, Annoy with 100 trees and its default search width, ten "
        "photos. It looks for no face, and knows photos, not people.",
        against=PEOPLE,
        made_up="VGG16's weights and the vectors in Annoy, as many as ours, are random. The package builds VGG16 "
        "anew for each question; here that is not counted.",
    ),
    Contender(
        "retina-face (TensorFlow)",
        _RETINA_FACE_TENSORFLOW,
        "peers",
        "faces",
        "`RetinaFace.detect_faces` of a path, with its defaults: the photo is scaled until its shorter side has "
        "1,024 pixels. Detection only.",
        against=FACES,
        made_up=_RANDOM_RETINA_FACE,
        slow=True,
    ),
    Contender(
        "retina-face (TensorFlow, not upscaled)",
        _RETINA_FACE_TENSORFLOW,
        "peers",
        "faces, not upscaled",
        "The same with `allow_upscaling=False`: larger photos are still scaled down.",
        against=FACES,
        made_up=_SAME_WEIGHTS,
        slow=True,
    ),
    Contender(
        "retina-face (ONNX)",
        _RETINA_FACE_ONNX,
        "peers",
        "faces",
        "`RetinaFace.detect_faces` with its defaults on its ONNX engine.",
        against=FACES,
        made_up=_OWN_ONNX_FILE,
        slow=True,
    ),
    Contender(
        "retina-face (ONNX, not upscaled)",
        _RETINA_FACE_ONNX,
        "peers",
        "faces, not upscaled",
        "The same with `allow_upscaling=False`.",
        against=FACES,
        made_up=_OWN_ONNX_FILE,
        slow=True,
    ),
)

BATCH = (
    Contender(
        INDEX,
        _OURS,
        "project",
        "index",
        "`PhotoEmbedder`, the costly half of `rvs index build`: photos to vectors, in chunks of 64, on all cores.",
        against=INDEX,
        warm_ups=1,
    ),
    Contender(
        "face_recognition (one process)",
        _FACE_RECOGNITION,
        "peers",
        "index",
        "`load_image_file`, `face_locations` and `face_encodings` of the largest face, photo after photo.",
        against=INDEX,
        warm_ups=1,
    ),
    Contender(
        "face_recognition (a process per core)",
        _FACE_RECOGNITION,
        "peers",
        "index on all cores",
        "The same in as many processes as there are cores; they are running already.",
        against=INDEX,
        warm_ups=1,
    ),
)
