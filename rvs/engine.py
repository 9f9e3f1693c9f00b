"""Settings in, a ready engine out: which pipeline, which index, where its photos are."""

from dataclasses import dataclass
from pathlib import Path

from rvs.arrays import Pixels
from rvs.embedding.embedder import network_definition as embedder_definition
from rvs.errors import GalleryError, GalleryMissingError, LookalikeError
from rvs.faces.detector import network_definition as detector_definition
from rvs.gallery.lfw import Pair, find_lfw, find_pairs, read_pairs
from rvs.gallery.store import Store
from rvs.gallery.version import Version
from rvs.inference import is_converted
from rvs.photo import read_photo
from rvs.pipeline import Pipeline, load_pipeline, parse_pipeline
from rvs.result import Match
from rvs.scoring import Calibration, fit_calibration, packaged_calibration
from rvs.search import Lookalike
from rvs.searching import Searching, searching_for
from rvs.settings import Settings
from rvs.whole_files import write_whole

LFW = "lfw"


@dataclass(frozen=True, slots=True)
class GalleryPhotos:
    """Reads a gallery's own photos for the grid, where they are on this machine.

    `root` is the gallery's folder, None when it is not here.
    """

    root: Path | None

    def load(self, match: Match) -> Pixels | None:
        """The photo of a match, RGB uint8; None when it is not on this machine or cannot be read."""
        if self.root is None:
            return None
        try:
            return read_photo(self.root / match.photo_file).pixels
        except LookalikeError:
            return None


def load_engine(settings: Settings, searching: Searching | None = None) -> Lookalike:
    """The engine that the settings describe. No process prunes its version as long as it lives.

    Args:
        settings: which pipeline, and which index.
        searching: what searches in this process, if that is there already; None: what the settings say.

    Raises:
        GalleryError: the index is missing, damaged, or of another pipeline.
        WeightsError: weights are missing or damaged.
        ConfigError: a setting makes no sense.
    """
    name = parse_pipeline(settings.pipeline)
    # Before the networks: whether the index fits is known in milliseconds.
    fingerprint = name.fingerprint(settings.weights)
    searching = searching or searching_for(settings)
    version = searching.store.open_current(fingerprint=fingerprint)
    index, recall = searching.index(version), searching.recall_at_10(version)
    return Lookalike(load_settings_pipeline(settings), version, index, calibration_for(version), recall)


def engine_over(folder: Path, pipeline: Pipeline, searching: Searching) -> Lookalike:
    """Another version of the index, for networks that are loaded already; held like that of `load_engine`.

    Raises:
        GalleryError: the version is missing, damaged, or of another pipeline.
    """
    version = Store(folder.parent).open(folder.name, fingerprint=pipeline.fingerprint)
    index, recall = searching.index(version), searching.recall_at_10(version)
    return Lookalike(pipeline, version, index, calibration_for(version), recall)


def load_settings_pipeline(settings: Settings, *, many_photos: bool = False) -> Pipeline:
    """The pipeline that the settings name, with its networks loaded.

    Raises:
        WeightsError: weights are missing or damaged.
        ConfigError: a setting makes no sense.
    """
    return load_pipeline(
        parse_pipeline(settings.pipeline),
        settings.inference_options(many_photos=many_photos),
        weights=settings.weights,
        detector_weights=settings.detector_weights,
    )


def unconverted_networks(settings: Settings) -> list[str]:
    """The names of the networks that the settings need and that OpenVINO has not been given yet.

    Raises:
        WeightsError, ConfigError: as `load_settings_pipeline`.
    """
    if settings.inference_options().runtime != "openvino":
        return []
    name = parse_pipeline(settings.pipeline)
    definitions = [embedder_definition(name.embedder, settings.weights)]
    if name.detector is not None and (definition := detector_definition(name.detector)) is not None:
        definitions.append(definition)
    return [one.name for one in definitions if not is_converted(one, settings.cache_dir)]


def calibration_for(version: Version) -> Calibration:
    """The packaged calibration of the version's pipeline, or one fitted on the gallery itself.

    Raises:
        GalleryError: there is none, and the gallery has too few people to fit one.
    """
    pipeline = version.manifest.pipeline
    packaged = packaged_calibration(pipeline)
    if packaged is not None:
        return packaged
    if len(version.people) < 2:
        raise GalleryError(
            f"The gallery has one person, too few to learn what strangers look like to {pipeline}.",
            hint="Add people and build again, or use the default pipeline, which knows.",
        )
    return fit_calibration(
        pipeline, version.vectors, version.person_of, source="the gallery itself", most_people=1000
    )


def gallery_photos(settings: Settings) -> GalleryPhotos:
    """Where the photos of the index in use are: LFW's folder, or the one the index was built from here.

    Raises:
        GalleryMissingError: RVS_LFW_DIR is set, but is not LFW.
    """
    if settings.index == LFW:
        return GalleryPhotos(find_lfw(settings.lfw_dir, settings.data_dir))
    try:
        root = Path(_origin(settings).read_text(encoding="utf-8").rstrip("\n"))
    except OSError:
        return GalleryPhotos(None)
    return GalleryPhotos(root if root.is_dir() else None)


def remember_gallery(settings: Settings, root: Path) -> None:
    """Note where an index's photos are on this machine; the index itself does not know.

    Raises:
        OSError: the note cannot be written.
    """
    if settings.index != LFW:
        write_whole(_origin(settings), f"{root.resolve()}\n".encode())


def lfw_photos(settings: Settings) -> Path:
    """The folder of LFW's photos.

    Raises:
        GalleryMissingError: they are not on this machine.
    """
    root = find_lfw(settings.lfw_dir, settings.data_dir)
    if root is None:
        raise GalleryMissingError(
            "LFW is not on this machine.",
            hint="Fetch it with `rvs lfw fetch`, set RVS_LFW_DIR, or name another gallery with --gallery.",
        )
    return root


def lfw_pairs(settings: Settings) -> list[Pair]:
    """LFW's pairs.

    Raises:
        GalleryMissingError: they are not on this machine.
        ConfigError: the file is not LFW's pairs.
    """
    path = find_pairs(settings.lfw_pairs, settings.data_dir)
    if path is None:
        raise GalleryMissingError(
            "LFW's list of pairs is not on this machine.",
            hint="Fetch it with `rvs lfw fetch`, or set RVS_LFW_PAIRS to its pairs.txt.",
        )
    return read_pairs(path)


def _origin(settings: Settings) -> Path:
    return settings.index_dir / settings.index / "gallery"
