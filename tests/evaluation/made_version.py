"""A version of an index made of vectors that are given, as files that are checked and opened like any other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rvs.arrays import Ids, Vectors
from rvs.faces.face import Box
from rvs.gallery.photo_list import Miss, PhotoRecord, write_photos
from rvs.gallery.version import (
    FOREST,
    FORMAT_VERSION,
    MANIFEST,
    PHOTOS,
    VECTORS,
    Forest,
    Manifest,
    Version,
    open_version,
    record_files,
    write_manifest,
)
from rvs.vectors.annoy_index import build_annoy

MIDDLE = Box(80.0, 70.0, 170.0, 190.0)
"""A face that holds the centre of a photo of LFW."""


def files_of(people: Ids) -> list[str]:
    """As LFW calls photos: P07/P07_0001.jpg is the first of person 7."""
    count: dict[int, int] = {}
    names = []
    for person in people.tolist():
        count[person] = count.get(person, 0) + 1
        names.append(f"P{person:02d}/P{person:02d}_{count[person]:04d}.jpg")
    return names


def made_version(
    folder: Path,
    vectors: Vectors,
    people: Ids,
    *,
    boxes: Sequence[Box | None] | None = None,
    misses: Sequence[Miss] = (),
    pipeline: str = "patches + colours",
    trees: int = 4,
    search_k: int = 2000,
) -> Version:
    """An index over photos of `people`, in `folder`, which must not be there yet."""
    folder.mkdir(parents=True)
    stored = vectors.astype(np.float16)
    names, places = files_of(people), boxes or [MIDDLE] * len(people)
    records = [
        PhotoRecord(file.split("/")[0], file, f"{row:064x}", box)
        for row, (file, box) in enumerate(zip(names, places, strict=True))
    ]
    np.save(folder / VECTORS, stored)
    write_photos(folder / PHOTOS, records, misses)
    build_annoy(stored, folder / FOREST, trees)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        version=folder.name,
        created_at="2026-11-26T00:00:00+00:00",
        pipeline=pipeline,
        fingerprint="0123456789abcdef",
        runtime="openvino",
        precision="f32",
        dimension=stored.shape[1],
        people=len(np.unique(people)),
        photos=len(people),
        misses=len(misses),
        gallery_digest="0" * 64,
        face_choice="centre",
        forest=Forest(trees, search_k, 1.0),
        timings_s={},
        software={},
        files=record_files(folder),
    )
    write_manifest(folder / MANIFEST, manifest)
    return open_version(folder)
