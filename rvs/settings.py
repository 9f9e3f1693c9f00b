"""Every limit, path and choice, from `RVS_*` variables or a `.env` file; made at the edge, passed down."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from rvs.errors import ConfigError
from rvs.inference import InferenceOptions, choose_precision, choose_runtime
from rvs.photo import PhotoLimits
from rvs.pipeline import DEFAULT_PIPELINE

_APP = "lookalike"
_CLONE = Path(__file__).resolve().parent.parent

Search: TypeAlias = Literal["annoy", "exact", "milvus", "pgvector"]
"""What searches: two ways in the process itself, two servers."""

_Kind = TypeVar("_Kind", bound=BaseSettings)

FolderPath = Annotated[Path, AfterValidator(Path.expanduser)]


def _default_index_dir() -> Path:
    """`index/` of the clone, which has LFW's; a package elsewhere keeps indexes in the data folder."""
    in_clone = _CLONE / "index"
    return in_clone if in_clone.is_dir() else Path(platformdirs.user_data_dir(_APP)) / "index"


class Settings(BaseSettings):
    """What can be set. Each field is the variable of its name in capitals after `RVS_`."""

    model_config = SettingsConfigDict(
        env_prefix="RVS_",
        env_file=".env",
        env_ignore_empty=True,  # `RVS_LFW_DIR=`, as templates have it, names no folder
        extra="ignore",
        frozen=True,
    )

    runtime: Literal["auto", "openvino", "tensorflow"] = Field(
        "auto", description="What computes the networks; auto takes OpenVINO where it is installed."
    )
    precision: Literal["auto", "bf16", "f32"] = Field(
        "auto", description="Arithmetic inside the networks; auto takes bf16 where the CPU has it."
    )
    threads: int = Field(0, ge=0, le=256, description="Cores for one photo; 0 takes all there are.")
    pipeline: str = Field(
        DEFAULT_PIPELINE, description="Detector + embedder, or detector + crop + embedder; see `rvs models`."
    )
    weights: FolderPath | None = Field(
        None, description="Weight file of an ImageNet embedder, instead of Keras' download."
    )
    detector_weights: FolderPath | None = Field(
        None, description="Weight file (.onnx) of retinaface-resnet50, instead of ~/.deepface/weights."
    )
    index: str = Field("lfw", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="Which index answers.")
    index_dir: FolderPath = Field(
        default_factory=_default_index_dir, description="Where indexes are kept, one folder each."
    )
    index_poll_seconds: float = Field(
        5,
        ge=0,
        le=3600,
        description="How often a service looks whether another version of the index is in use; 0: never.",
    )
    keep_versions: int = Field(
        3, ge=1, le=1000, description="Older versions of an index that a build leaves, to roll back to."
    )
    search: Search = Field(
        "annoy",
        description="annoy: fast, recall measured at the build; exact: compares with every photo; "
        "milvus, pgvector: a server searches.",
    )
    search_seconds: float = Field(
        2, gt=0, le=60, description="Longest time a search may take on a server, its one retry included."
    )
    search_graph: Literal["hnsw", "diskann"] = Field(
        "hnsw",
        description="What a server builds over new versions: hnsw in its memory; diskann (Milvus) on its disk.",
    )
    search_compared: int = Field(
        10_000,
        ge=0,
        le=1_000_000,
        description="Most photos a version compares from disk to share a server's collection with an older one; "
        "0: never.",
    )
    milvus_uri: str = Field(
        "http://127.0.0.1:19530",
        min_length=1,
        description="Where Milvus is; a database of its own follows: http://HOST:19530/NAME.",
    )
    milvus_token: SecretStr | None = Field(
        None, description="USER:PASSWORD or an API key for Milvus. It is never logged."
    )
    pgvector_dsn: SecretStr | None = Field(
        None, description="Where PostgreSQL is: postgresql://USER:PASSWORD@HOST/DATABASE. It is never logged."
    )
    people: int = Field(
        8, ge=1, le=100, description="How many people an answer names; 8 and the probe fill a 3 x 3 grid."
    )
    lfw_dir: FolderPath | None = Field(
        None, description="Folder of the LFW photos; by default where `rvs lfw fetch` puts them."
    )
    lfw_pairs: FolderPath | None = Field(
        None, description="LFW's pairs.txt, for `rvs eval`; by default where `rvs lfw fetch` puts it."
    )
    cache_dir: FolderPath = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir(_APP)),
        description="Where converted networks are kept; may be deleted at any time.",
    )
    data_dir: FolderPath = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir(_APP)), description="Where LFW is fetched to."
    )
    max_photo_bytes: int = Field(
        PhotoLimits().max_bytes,
        gt=0,
        description="Largest photo file accepted; phones send up to about 15 MB.",
    )
    max_photo_pixels: int = Field(
        PhotoLimits().max_pixels, gt=0, description="Most pixels accepted, checked before any is decoded."
    )
    max_held_pixels: int = Field(
        12_000_000,
        gt=0,
        description="Most pixels of a WebP or AVIF that a service accepts: copying one holds everything else up.",
    )
    workers: int = Field(
        2,
        ge=1,
        le=64,
        description="Photos computed at once by a service; one of 48 megapixels can need 750 MB.",
    )
    photos_in_memory: int = Field(
        8,
        ge=1,
        le=1000,
        description="Photos that a service holds in memory at once; the others wait their turn.",
    )
    queue: int = Field(
        64,
        ge=1,
        le=10_000,
        description="Photos that may wait for a service; who comes later is told when to ask.",
    )
    work_seconds: float = Field(
        20, gt=0, le=600, description="Longest time one photo may be computed; it takes a tenth of a second."
    )
    logs: Literal["auto", "human", "json"] = Field(
        "auto", description="How a service logs; auto: lines on a terminal, else one JSON object a line."
    )
    ops_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port of the operations endpoint (/livez, /readyz, /metrics); 0: there is none.",
    )
    ops_host: str = Field(
        "127.0.0.1",
        min_length=1,  # an empty one would mean every address of the machine
        description="Its address; it asks for no password, so leave it to this machine or a closed network.",
    )

    def inference_options(self, *, many_photos: bool = False) -> InferenceOptions:
        """How networks are run: for one photo soonest, or for many photos soonest.

        Raises:
            ConfigError: a runtime or precision was asked for that is not there.
        """
        runtime = choose_runtime(self.runtime)
        threads = self.threads or os.cpu_count() or 1
        return InferenceOptions(
            runtime=runtime,
            precision=choose_precision(self.precision, runtime),
            cache_dir=self.cache_dir,
            threads=threads,
            streams=threads if many_photos else 1,
        )

    def photo_limits(self, *, responsive: bool = False) -> PhotoLimits:
        """The limits for photos that people send; `responsive` for a service, where others must not be held up."""
        limits = PhotoLimits(max_bytes=self.max_photo_bytes, max_pixels=self.max_photo_pixels)
        return replace(limits, max_held_pixels=self.max_held_pixels) if responsive else limits


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, with overrides (None: not given) from the command line.

    Raises:
        ConfigError: a value makes no sense; the sentence names the variable.
    """
    return load(Settings, overrides)


def load(kind: type[_Kind], overrides: Mapping[str, Any]) -> _Kind:
    """Settings of one kind, likewise.

    Raises:
        ConfigError: a value makes no sense; the sentence names the variable, and nothing shows the value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return kind(**given)
    except SettingsError as error:
        # Its text names the field, and its causes hold the value.
        fields = [name for name in kind.model_fields if f'"{name}"' in str(error)]
        name, reason = (fields or ["*"])[0], "it is not valid JSON"
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name, reason = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
    raise ConfigError(
        f"The setting {variable(kind, name)} makes no sense: {reason}.",
        hint="Correct or remove it (.env counts too).",
    )


def variable(kind: type[BaseSettings], name: str) -> str:
    """The environment variable of a setting, by the name of its field or of the alias that stands for it."""
    field = kind.model_fields.get(name)
    alias = field.validation_alias if field else name if name.isupper() else None
    return str(alias) if alias else f"{kind.model_config['env_prefix']}{name.upper()}"
