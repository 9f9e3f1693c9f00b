"""A small index of the default pipeline, out of the committed one."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from rvs.gallery.photo_list import write_photos
from rvs.gallery.store import Store
from rvs.gallery.version import FOREST, MANIFEST, PHOTOS, VECTORS, record_files, write_manifest
from rvs.vectors.annoy_index import build_annoy

LFW = Store(Path(__file__).parents[2] / "index" / "lfw")


def some_of_lfw(folder: Path) -> Store:
    """An index over those whose names begin with E: to fill a server with all of LFW takes a while."""
    whole = LFW.open_current()
    part = folder / whole.folder.name
    part.mkdir(parents=True)
    rows = [row for row, photo in enumerate(whole.photos) if photo.person.startswith("E")]
    photos, vectors = [whole.photos[row] for row in rows], np.array(whole.vectors[rows])
    np.save(part / VECTORS, vectors)
    write_photos(part / PHOTOS, photos, ())
    build_annoy(vectors, part / FOREST, whole.manifest.forest.trees)
    people = len({photo.person for photo in photos})
    manifest = replace(whole.manifest, photos=len(photos), people=people, misses=0, files=record_files(part))
    write_manifest(part / MANIFEST, manifest)
    store = Store(folder)
    store.activate(part.name)
    return store
