"""Photo in, ranked people out: the engine itself.

Everything it needs is handed to it loaded; it is synchronous, keeps no state between photos, and may be used
from several threads at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from rvs.arrays import Distances, Ids, Pixels, Vectors
from rvs.errors import ConfigError, NoFaceError, PoorPhotoError
from rvs.faces.face import Face
from rvs.faces.quality import Quality, assess
from rvs.gallery.version import Version
from rvs.photo import Photo
from rvs.pipeline import Pipeline
from rvs.result import FaceResult, Match, Result, Score
from rvs.scoring import Calibration, pair_word, score
from rvs.vectors.index import VectorIndex

# How many photos compete before they are grouped by person, at the least.
_LEAST_CANDIDATES = 100
# Two files of one photo, one of them recompressed or resized, are this close; two photos hardly ever.
_SAME_PHOTO = 0.1

NO_FACE_HINT = "Use a photo in which a face is well lit, in focus and turned to the camera."

FaceSelection: TypeAlias = Literal["all"] | int | None
"""Which faces of a photo to search: None the largest, "all", or a number counted from 1, largest first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person among the candidates: the row of the best photo, its distance, how many photos are there."""

    person: int
    row: int
    distance: float
    photos: int


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """How alike two photos are: the score, and of each the chip that was compared and its quality.

    The score's word is that of a pair (`rvs.scoring.pair_word`).
    """

    score: Score
    chips: tuple[Pixels, Pixels]
    qualities: tuple[Quality | None, Quality | None]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The faces of a photo as vectors.

    Attributes:
        faces: every face found, the largest first; none for a whole-image pipeline.
        chosen: those that were embedded; None for the whole image.
        qualities: of each of those, None likewise.
        vectors: (number of `chosen`, dimension) float32, every row of unit length.
    """

    faces: tuple[Face, ...]
    chosen: tuple[Face | None, ...]
    qualities: tuple[Quality | None, ...]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Lookalike:
    """The engine over one opened index version.

    Attributes:
        pipeline: makes vectors of photos.
        version: the gallery.
        index: searches the version's vectors.
        calibration: makes scores of distances.
        recall_at_10: of the index, as it was measured; None where it was not.
    """

    pipeline: Pipeline
    version: Version
    index: VectorIndex
    calibration: Calibration
    recall_at_10: float | None = None

    def find(
        self, photo: Photo, people: int, *, face: FaceSelection = None, exclude_self: bool = False
    ) -> Result:
        """The people whom the faces of a photo resemble.

        A poor photo is answered too: `FaceResult.quality` says whether to trust the answer.

        Args:
            photo: from `photo.read_photo`.
            people: how many to name per face, at least 1; fewer when the gallery has fewer.
            face: which faces to search.
            exclude_self: leave out gallery photos that are the probe itself: the same bytes, or so close
                that they can only be another file of the same photo.

        Raises:
            NoFaceError: no face was found.
            PoorPhotoError: a face cannot be turned upright.
            ConfigError: there is no face of that number, or `people` is less than 1.
        """
        if people < 1:
            raise ConfigError(f"{people} people cannot be named.", hint="Ask for at least 1.")
        faces = self.pipeline.faces(photo.pixels)
        chosen = self._choose(faces, face)
        chips = [self._chip(photo, one) for one in chosen]
        vectors = self.pipeline.embed(chips)
        searched = []
        for row, (one, chip) in enumerate(zip(chosen, chips, strict=True)):
            vector = vectors[row : row + 1]
            excluded = self._itself(photo, vector) if exclude_self else frozenset()
            matches = self._matches(vector, people, excluded)
            quality = None if one is None else assess(photo.pixels, one, photo.reduction)
            searched.append(FaceResult(one, quality, chip, matches))
        return Result(photo.width_px, photo.height_px, tuple(faces), tuple(searched))

    def compare(self, first: Photo, second: Photo) -> Comparison:
        """How alike the largest faces of two photos are.

        Raises:
            NoFaceError: one of them has no face; the sentence says which.
            PoorPhotoError: a face cannot be turned upright.
        """
        faces, chips = [], []
        for photo, which in ((first, "first"), (second, "second")):
            found = self.pipeline.faces(photo.pixels)
            if not found and self.pipeline.detector is not None:
                raise NoFaceError(f"No face was found in the {which} photo.", hint=NO_FACE_HINT)
            face = found[0] if found else None
            faces.append(face)
            chips.append(self._chip(photo, face))
        vectors = self.pipeline.embed(chips)
        qualities = [
            None if face is None else assess(photo.pixels, face, photo.reduction)
            for photo, face in zip((first, second), faces, strict=True)
        ]
        distance = float(np.linalg.norm(vectors[0] - vectors[1]))
        measured = score(self.calibration, distance)
        return Comparison(
            replace(measured, word=pair_word(measured.percentile)),
            (chips[0], chips[1]),
            (qualities[0], qualities[1]),
        )

    def embed(self, photo: Photo, *, face: FaceSelection = "all") -> Embedded:
        """The vectors of a photo's faces, as the index has them of its own photos.

        Args:
            photo: from `photo.read_photo`.
            face: which faces to embed.

        Raises:
            NoFaceError, PoorPhotoError, ConfigError: as `find`.
        """
        faces = self.pipeline.faces(photo.pixels)
        chosen = self._choose(faces, face)
        vectors = self.pipeline.embed([self._chip(photo, one) for one in chosen])
        qualities = [None if one is None else assess(photo.pixels, one, photo.reduction) for one in chosen]
        return Embedded(tuple(faces), tuple(chosen), tuple(qualities), vectors)

    def rank_people(
        self, vector: Vectors, people: int, excluded: frozenset[int] = frozenset()
    ) -> list[Candidate]:
        """The nearest people, each once, the nearest first.

        Args:
            vector: (1, dimension) of unit length.
            people: how many at most.
            excluded: rows that do not count.
        """
        wanted = min(len(self.index), max(_LEAST_CANDIDATES, 8 * people) + len(excluded))
        while True:
            ids, distances = self.index.search(vector, wanted)
            ranked = self._group(ids[0], distances[0], excluded)
            # One person with hundreds of photos can fill the candidates: look further until there are enough.
            if len(ranked) >= people or wanted >= len(self.index):
                return ranked[:people]
            wanted = min(len(self.index), 4 * wanted)

    def _group(self, ids: Ids, distances: Distances, excluded: frozenset[int]) -> list[Candidate]:
        best: dict[int, Candidate] = {}
        for row, distance in zip(ids.tolist(), distances.tolist(), strict=True):
            if row < 0 or row in excluded:
                continue
            person = int(self.version.person_of[row])
            first = best.get(person, Candidate(person, row, distance, 0))
            best[person] = Candidate(person, first.row, first.distance, first.photos + 1)
        return list(best.values())

    def _matches(self, vector: Vectors, people: int, excluded: frozenset[int]) -> tuple[Match, ...]:
        return tuple(
            Match(
                rank=rank,
                person=self.version.people[candidate.person],
                photo_file=self.version.photos[candidate.row].file,
                face_box=self.version.photos[candidate.row].face_box,
                score=score(self.calibration, candidate.distance),
                photos_agreeing=candidate.photos,
                photos_total=int(self.version.photos_of[candidate.person]),
            )
            for rank, candidate in enumerate(self.rank_people(vector, people, excluded), start=1)
        )

    def _chip(self, photo: Photo, face: Face | None) -> Pixels:
        try:
            return self.pipeline.chip(photo.pixels, face)
        except ValueError as error:  # all landmarks in one place
            raise PoorPhotoError("The face cannot be made out well enough.", hint=NO_FACE_HINT) from error

    def _choose(self, faces: Sequence[Face], selection: FaceSelection) -> list[Face | None]:
        if self.pipeline.detector is None:
            return [None]
        if not faces:
            raise NoFaceError("No face was found in this photo.", hint=NO_FACE_HINT)
        if selection == "all":
            return list(faces)
        number = 1 if selection is None else selection
        if not 1 <= number <= len(faces):
            raise ConfigError(
                f"There is no face {number} in this photo.",
                hint=f"It has {len(faces)}, counted from 1, the largest first.",
            )
        return [faces[number - 1]]

    def _itself(self, photo: Photo, vector: Vectors) -> frozenset[int]:
        """Rows of the gallery that are this very photo."""
        ids, distances = self.index.search(vector, min(len(self.index), _LEAST_CANDIDATES))
        near = {
            int(row) for row, distance in zip(ids[0], distances[0], strict=True) if distance < _SAME_PHOTO
        }
        return frozenset(near | self.version.rows_of_content(photo.sha256))
