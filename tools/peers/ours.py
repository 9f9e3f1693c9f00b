"""Worker: what the bot calls, and less of it, in the project's environment.

Its argument is a precision, where it is not to be the one that is set.
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from rvs.answer import Question, answer, load_served, warm_up
from rvs.engine import load_settings_pipeline
from rvs.gallery.embed import FolderFiles, PhotoEmbedder
from rvs.gallery.folder import GalleryPhoto
from rvs.photo import read_photo
from rvs.settings import load_settings
from rvs.stages import Stages
from tools.peers.worker import Loaded, Parts, Setup, serve

_PEOPLE = 10


def load(setup: Setup, parts: Parts) -> Loaded:
    """Everything as the bot loads it."""
    settings = load_settings(precision=sys.argv[1] if len(sys.argv) > 1 else None)
    served = load_served(settings)
    warm_up(served)
    engine = served.engine

    @functools.cache  # loaded when it is first asked for: not every worker is
    def embedder() -> PhotoEmbedder:
        pipeline = load_settings_pipeline(settings, many_photos=True)
        return PhotoEmbedder(FolderFiles(Path("/")), pipeline, "centre", served.limits)

    def grid(photos: Sequence[str]) -> int:
        stages = Stages()
        found = answer(served, Path(photos[0]).read_bytes(), Question(settings.people), stages)
        parts.milliseconds.update(stages.milliseconds)
        return found.faces

    def people(photos: Sequence[str]) -> int:
        with parts.part("decode"):
            photo = read_photo(Path(photos[0]).read_bytes(), served.limits)
        with parts.part("search"):
            return len(engine.find(photo, _PEOPLE).faces)

    def faces(photos: Sequence[str]) -> int:
        with parts.part("decode"):
            photo = read_photo(Path(photos[0]).read_bytes(), served.limits)
        with parts.part("detect"):
            return len(engine.pipeline.faces(photo.pixels))

    def index(photos: Sequence[str]) -> int:
        chunks = embedder().embed([GalleryPhoto("", photo) for photo in photos], setup.workers)
        return sum(outcome.vector is not None for chunk in chunks for _, outcome in chunk)

    tasks = {"grid": grid, "people": people, "faces": faces, "index": index}
    return Loaded(tasks, ("openvino", "annoy", "numpy", "pillow"))


if __name__ == "__main__":
    serve(load)
