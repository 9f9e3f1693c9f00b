"""A network defined in Keras, compiled for the machine it runs on: OpenVINO where it can, else TensorFlow.

For OpenVINO a network is converted once and kept in a cache folder, so that serving imports neither Keras
nor TensorFlow. This module knows runtimes, precision, threads and the cache; it knows nothing of faces.
"""

import hashlib
import importlib.metadata
import json
import logging
import os
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rvs.errors import ConfigError
from rvs.whole_files import remove_stale_parts, sha256_of, whole_directory

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

Runtime: TypeAlias = Literal["openvino", "tensorflow"]
Precision: TypeAlias = Literal["bf16", "f32"]

_FIRST_INFERENCE = threading.Lock()
_ANY_SIDE_PX = 64  # a size that every network with a free input size takes
_MODEL_FILES = ("model.xml", "model.bin")
_CHECKSUMS = "checksums.json"


class Network(Protocol):
    """A compiled network. Safe to call from several threads at once."""

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """Run a batch (n, height, width, 3), RGB; one array per output, each with n rows."""


@dataclass(frozen=True, slots=True)
class NetworkDefinition:
    """Everything needed to build, convert and recognise one network.

    Attributes:
        name: a file-system friendly name.
        outputs: the names of the outputs in the order `Network` returns them; () when there is one.
        weights_sha256: identifies the numbers inside.
        build: makes the Keras model with its weights; imports Keras, so it is slow.
        revision: raised when the definition changes in a way the weights' hash does not show.
    """

    name: str
    outputs: tuple[str, ...]
    weights_sha256: str
    build: "Callable[[], keras.Model]"
    revision: int = 1


@dataclass(frozen=True, slots=True)
class InferenceOptions:
    """How networks are run.

    Attributes:
        runtime: which one serves; see `choose_runtime`.
        precision: arithmetic inside the network; recorded with every index built.
        cache_dir: where converted networks are kept.
        threads: cores used by one network.
        streams: batches computed side by side on those cores: 1 answers one photo soonest, one per core
            gets through many photos soonest.
    """

    runtime: Runtime
    precision: Precision
    cache_dir: Path
    threads: int
    streams: int = 1


def choose_runtime(wanted: Literal["auto", "openvino", "tensorflow"]) -> Runtime:
    """The runtime to use: OpenVINO unless it is not installed or another was asked for.

    Raises:
        ConfigError: OpenVINO was asked for by name and is not installed.
    """
    if wanted == "tensorflow":
        return "tensorflow"
    try:
        importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError as error:
        if wanted == "openvino":
            raise ConfigError(
                "OpenVINO is not installed.", hint="Install it, or set RVS_RUNTIME=tensorflow."
            ) from error
        return "tensorflow"
    return "openvino"


def choose_precision(wanted: Literal["auto", "bf16", "f32"], runtime: Runtime) -> Precision:
    """bf16 where OpenVINO says the CPU computes in it, else f32. Never left to the runtime's own choice.

    Raises:
        ConfigError: bf16 was asked for by name and cannot be had.
    """
    capable = runtime == "openvino" and "BF16" in _openvino_core().get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    )
    if wanted == "bf16" and not capable:
        raise ConfigError(
            "This machine cannot compute in bf16.", hint="Set RVS_PRECISION=auto to use what it has."
        )
    return "bf16" if capable and wanted != "f32" else "f32"


def load_network(definition: NetworkDefinition, options: InferenceOptions) -> Network:
    """Compile the network; converts it first if the cache does not have it.

    Raises:
        WeightsError: the definition's weights are missing or damaged.
    """
    if options.runtime == "tensorflow":
        return _TensorFlowNetwork(definition)
    return _OpenVinoNetwork(definition, options)


class _OpenVinoNetwork:
    def __init__(self, definition: NetworkDefinition, options: InferenceOptions) -> None:
        core = _openvino_core()
        model = _read_converted(core, definition, options.cache_dir)
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": options.precision,
                "INFERENCE_NUM_THREADS": options.threads,
                "NUM_STREAMS": options.streams,
            },
        )
        self._ports = [compiled.output(name) for name in definition.outputs] or [compiled.output(0)]
        # A request belongs to one caller at a time; waiting here for a free one is what bounds the work.
        self._requests: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(options.streams):
            self._requests.put(compiled.create_infer_request())
        # OpenVINO's binding (2026.4) sets itself up during the first inference of a process, holding a lock
        # while it waits for Python's; two threads in there at once wait for each other for ever.
        with _FIRST_INFERENCE:
            shape = [
                size.get_length() if size.is_static else _ANY_SIDE_PX for size in model.input().partial_shape
            ]
            self(np.zeros([1, *shape[1:]], np.uint8))

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        request = self._requests.get()
        try:
            outputs = request.infer({0: np.ascontiguousarray(batch)}, share_inputs=True)
            return tuple(outputs[port] for port in self._ports)
        finally:
            self._requests.put(request)


class _TensorFlowNetwork:
    def __init__(self, definition: NetworkDefinition) -> None:
        _hush_tensorflow()
        import tensorflow as tf  # noqa: PLC0415  (three seconds and 600 MB: only where it serves)

        model = definition.build()
        self._names = definition.outputs
        self._model = model  # the traced function holds its variables only weakly
        signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8)]
        # A traced function with one fixed signature is 8-12 times as fast as calling the model.
        self._function = tf.function(
            lambda batch: model(batch, training=False), input_signature=signature, autograph=False
        )

    def __call__(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        outputs = self._function(batch)
        if not self._names:
            return (outputs.numpy(),)
        return tuple(outputs[name].numpy() for name in self._names)


def _hush_tensorflow() -> None:
    # It greets everybody with its build flags, unless told otherwise before it is loaded.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _openvino_core() -> Any:
    return _openvino().Core()


def _openvino() -> Any:
    """OpenVINO itself (0.2 s: not at import time), without the client that reports every import of it.

    Its converter sends an event to an analytics service as soon as it is imported, and it is imported with the
    rest. Where its telemetry package cannot be imported, it uses a stub of its own.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # what cannot be imported
    import openvino  # noqa: PLC0415

    return openvino


def cache_folder(definition: NetworkDefinition, cache_dir: Path) -> Path:
    """Where the converted network is kept: another folder for other weights, revisions or versions."""
    versions = [importlib.metadata.version(package) for package in ("openvino", "keras")]
    parts = (definition.name, definition.weights_sha256, str(definition.revision), *versions)
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return cache_dir / "networks" / f"{definition.name}-{key}"


def is_converted(definition: NetworkDefinition, cache_dir: Path) -> bool:
    """Whether a converted network is in the cache (it may still turn out to be damaged)."""
    return (cache_folder(definition, cache_dir) / _CHECKSUMS).is_file()


def _read_converted(core: Any, definition: NetworkDefinition, cache_dir: Path) -> Any:
    folder = cache_folder(definition, cache_dir)
    if folder.exists() and not _is_intact(folder):
        log.warning("The converted network in %s is damaged; converting again.", folder)
        _discard(folder)
    if not folder.exists():
        _convert(core, definition, folder)
    return core.read_model(folder / _MODEL_FILES[0])


def _is_intact(folder: Path) -> bool:
    try:
        checksums = json.loads((folder / _CHECKSUMS).read_text())
        return bool(checksums == {name: sha256_of(folder / name) for name in _MODEL_FILES})
    except (OSError, ValueError):
        return False


def _discard(folder: Path) -> None:
    # Renamed first, so that no other process can find it half removed.
    doomed = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".damaged-"))
    try:
        folder.rename(doomed / folder.name)
    except OSError:
        log.debug("Another process removed %s first.", folder)
    shutil.rmtree(doomed, ignore_errors=True)


def _convert(core: Any, definition: NetworkDefinition, folder: Path) -> None:
    log.info("Converting the network %s for OpenVINO, once (about 10 seconds) ...", definition.name)
    _hush_tensorflow()
    model = definition.build()
    openvino = _openvino()

    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_stale_parts(folder.parent)
    # Two processes may convert at once: both write the same, the first to finish is kept.
    with whole_directory(folder, first_wins=True) as part:
        saved = part / "saved_model"
        model.export(str(saved), format="tf_saved_model", verbose=False)
        openvino.save_model(core.read_model(saved), part / _MODEL_FILES[0], compress_to_fp16=False)
        shutil.rmtree(saved)
        checksums = {name: sha256_of(part / name) for name in _MODEL_FILES}
        (part / _CHECKSUMS).write_text(json.dumps(checksums, indent=1))
    log.info("Converted %s into %s.", definition.name, folder)
