"""Networks compiled for a runtime: the same numbers from both, converted once, from any thread.

Most tests use a tiny network of this file, which converts in a second; subprocesses import it from here.
"""

import importlib.metadata
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rvs.inference
from rvs.arrays import Chips, Pixels
from rvs.embedding.embedder import network_definition, unit_length
from rvs.embedding.spec import embedder_spec
from rvs.errors import ConfigError
from rvs.faces import retinaface_mobilenet
from rvs.inference import (
    InferenceOptions,
    Network,
    NetworkDefinition,
    cache_folder,
    choose_precision,
    choose_runtime,
    is_converted,
    load_network,
)
from rvs.pipeline import Pipeline

ROOT = Path(__file__).parent.parent
FACE_RESNET = network_definition(embedder_spec("face-resnet"))
RETINAFACE = retinaface_mobilenet.DEFINITION


def build_tiny() -> Any:
    """Any picture in; the mean of each channel, and four times a convolution's maps, out."""
    import keras  # noqa: PLC0415

    inputs = keras.Input((None, None, 3), dtype="uint8", name="rgb")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    initializer = keras.initializers.RandomNormal(seed=1)
    maps = keras.layers.Conv2D(8, 3, padding="same", kernel_initializer=initializer)(x)
    means = keras.layers.GlobalAveragePooling2D()
    outputs = {"alpha": means(x), "omega": keras.layers.Rescaling(4.0)(maps)}
    return keras.Model(inputs, outputs, name="tiny")


def build_nothing() -> Any:
    raise AssertionError("the network is built although it is in the cache")


TINY = NetworkDefinition("tiny", ("omega", "alpha"), "0" * 64, build_tiny)
CONVERTED = replace(TINY, build=build_nothing)  # to show that it comes from the cache


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory, options: InferenceOptions) -> Path:
    """A cache with the tiny network in it; not to be changed."""
    folder = tmp_path_factory.mktemp("tiny")
    load_network(TINY, replace(options, cache_dir=folder))
    return folder


@pytest.fixture
def own(tiny_cache: Path, options: InferenceOptions, tmp_path: Path) -> InferenceOptions:
    """Options with a copy of that cache, to be changed at will."""
    shutil.copytree(tiny_cache, tmp_path, dirs_exist_ok=True)
    return replace(options, cache_dir=tmp_path)


def assert_works(network: Network) -> None:
    batch = noise(2, 6, 8, 3)
    omega, alpha = network(batch)
    assert omega.shape == (2, 6, 8, 8)
    np.testing.assert_allclose(alpha, batch.mean(axis=(1, 2)) / 255, rtol=0, atol=1e-5)


def in_cache(options: InferenceOptions) -> list[str]:
    return sorted(path.name for path in (options.cache_dir / "networks").iterdir())


def python(code: str, *words: object, timeout_s: float = 120) -> str:
    """What the code prints, in a process of its own where every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, words)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestRuntimesAgree:
    @pytest.fixture
    def chips(self, pipeline: Pipeline, astronaut: Pixels) -> Chips:
        (face,) = pipeline.faces(astronaut)
        return np.stack([pipeline.chip(astronaut, face), noise(150, 150, 3)])

    @pytest.fixture
    def photo(self, astronaut: Pixels) -> Pixels:
        return np.stack([astronaut[:256, 64:384], astronaut[:256, 64:384][:, ::-1]])

    def test_on_the_face_network(self, options: InferenceOptions, chips: Chips) -> None:
        (theirs,) = load_network(FACE_RESNET, replace(options, runtime="tensorflow"))(chips)
        (ours,) = load_network(FACE_RESNET, options)(chips)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
        cosines = (unit_length(ours) * unit_length(theirs)).sum(axis=1)
        assert cosines.min() >= 0.99999

    def test_on_the_detector(self, options: InferenceOptions, photo: Pixels) -> None:
        theirs = load_network(RETINAFACE, replace(options, runtime="tensorflow"))(photo)
        ours = load_network(RETINAFACE, options)(photo)
        assert len(ours) == len(theirs) == len(RETINAFACE.outputs)
        for name, our, their in zip(RETINAFACE.outputs, ours, theirs, strict=True):
            np.testing.assert_allclose(our, their, rtol=0, atol=1e-4, err_msg=name)
            flat = [unit_length(output.reshape(len(photo), -1)) for output in (our, their)]
            assert (flat[0] * flat[1]).sum(axis=1).min() >= 0.99999
        assert ours[RETINAFACE.outputs.index("scores")].max() > 0.9

    def test_in_bf16_nearly(self, options: InferenceOptions, chips: Chips) -> None:
        if choose_precision("auto", "openvino") != "bf16":
            pytest.skip("this CPU does not compute in bf16")
        (exact,) = load_network(FACE_RESNET, options)(chips)
        (short,) = load_network(FACE_RESNET, replace(options, precision="bf16"))(chips)
        assert not np.allclose(exact, short, rtol=0, atol=1e-5)
        assert (unit_length(exact) * unit_length(short)).sum(axis=1).min() >= 0.999

    @pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
    @pytest.mark.parametrize("outputs", [("omega", "alpha"), ("alpha", "omega"), ("omega",)])
    def test_outputs_come_in_the_declared_order(
        self, own: InferenceOptions, runtime: Any, outputs: tuple[str, ...]
    ) -> None:
        definition = replace(TINY, outputs=outputs)
        found = load_network(definition, replace(own, runtime=runtime))(noise(2, 6, 8, 3))
        shapes = {"omega": (2, 6, 8, 8), "alpha": (2, 3)}
        assert [array.shape for array in found] == [shapes[name] for name in outputs]
        assert all(array.dtype == np.float32 for array in found)

    @pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
    def test_any_size_and_any_memory_layout(self, own: InferenceOptions, runtime: Any) -> None:
        network = load_network(TINY, replace(own, runtime=runtime))
        for height, width in ((6, 8), (32, 5), (6, 8)):
            batch = noise(3, height, width, 3)
            turned = batch[::-1, :, ::-1]
            turned.flags.writeable = False
            for given in (batch, turned):
                means = given.mean(axis=(1, 2)) / 255
                np.testing.assert_allclose(network(given)[1], means, rtol=0, atol=1e-5)

    def test_an_answer_stays_when_the_next_is_computed(self, own: InferenceOptions) -> None:
        network = load_network(TINY, own)
        first = network(noise(2, 6, 8, 3))
        copies = [array.copy() for array in first]
        network(np.zeros((2, 6, 8, 3), np.uint8))
        for array, copy in zip(first, copies, strict=True):
            np.testing.assert_array_equal(array, copy)


class TestConversion:
    def test_happens_once(self, options: InferenceOptions, tmp_path: Path) -> None:
        built = []

        def build() -> Any:
            built.append(1)
            return build_tiny()

        ours = replace(options, cache_dir=tmp_path / "not" / "there" / "yet")
        definition = replace(TINY, build=build)
        assert not is_converted(definition, ours.cache_dir)
        for _ in range(2):
            assert_works(load_network(definition, ours))
        assert built == [1]
        assert is_converted(definition, ours.cache_dir)
        assert in_cache(ours) == [cache_folder(definition, ours.cache_dir).name]

    @pytest.mark.parametrize("change", [{"name": "small"}, {"weights_sha256": "1" * 64}, {"revision": 2}])
    def test_of_another_network_is_another_folder(
        self, own: InferenceOptions, change: dict[str, Any]
    ) -> None:
        changed = replace(TINY, **change)
        assert is_converted(TINY, own.cache_dir)
        assert not is_converted(changed, own.cache_dir)
        assert cache_folder(changed, own.cache_dir) != cache_folder(TINY, own.cache_dir)

    @pytest.mark.parametrize("package", ["openvino", "keras"])
    def test_by_another_version_is_another_folder(
        self, own: InferenceOptions, monkeypatch: pytest.MonkeyPatch, package: str
    ) -> None:
        real = importlib.metadata.version
        monkeypatch.setattr(
            importlib.metadata, "version", lambda name: "99.0" if name == package else real(name)
        )
        assert not is_converted(TINY, own.cache_dir)

    def test_that_fails_leaves_nothing_and_can_be_tried_again(
        self, options: InferenceOptions, tmp_path: Path
    ) -> None:
        class Unsaved:
            def export(self, path: str, **how: object) -> None:
                (Path(path).parent / "half").write_bytes(b"of it")
                raise OSError(28, "No space left on device")

        ours = replace(options, cache_dir=tmp_path)
        with pytest.raises(OSError, match="No space left"):
            load_network(replace(TINY, build=Unsaved), ours)
        assert in_cache(ours) == []
        assert_works(load_network(TINY, ours))

    def test_is_not_disturbed_by_what_a_killed_one_left(self, own: InferenceOptions) -> None:
        folder = cache_folder(TINY, own.cache_dir)
        part = folder.with_name(f".{folder.name}.0123456789ab.part")
        shutil.copytree(folder, part)
        (part / "model.bin").write_bytes(b"half")
        assert_works(load_network(CONVERTED, own))
        shutil.rmtree(folder)
        assert_works(load_network(TINY, own))
        assert_works(load_network(CONVERTED, own))
        # It is young enough to be somebody's work.
        assert in_cache(own) == [part.name, folder.name]

    def test_clears_away_what_was_left_long_ago(self, own: InferenceOptions) -> None:
        folder = cache_folder(TINY, own.cache_dir)
        part = folder.with_name(f".{folder.name}.0123456789ab.part")
        folder.rename(part)
        long_ago = time.time() - 7 * 86_400
        os.utime(part, (long_ago, long_ago))
        assert_works(load_network(TINY, own))
        assert in_cache(own) == [folder.name]


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


class TestDamage:
    @pytest.mark.parametrize(
        "damage", [_flip, _cut, _empty, Path.unlink], ids=lambda f: f.__name__.strip("_")
    )
    @pytest.mark.parametrize("file", ["model.xml", "model.bin", "checksums.json"])
    def test_is_repaired_with_a_warning(
        self,
        own: InferenceOptions,
        caplog: pytest.LogCaptureFixture,
        damage: Callable[[Path], None],
        file: str,
    ) -> None:
        folder = cache_folder(TINY, own.cache_dir)
        damage(folder / file)
        with caplog.at_level(logging.WARNING, logger="rvs"):
            assert_works(load_network(TINY, own))
        assert f"The converted network in {folder} is damaged" in caplog.text
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="rvs"):
            assert_works(load_network(CONVERTED, own))
        assert caplog.text == ""
        assert in_cache(own) == [folder.name]

    def test_an_empty_folder(self, options: InferenceOptions, tmp_path: Path) -> None:
        ours = replace(options, cache_dir=tmp_path)
        cache_folder(TINY, tmp_path).mkdir(parents=True)
        assert_works(load_network(TINY, ours))

    def test_none_no_warning(self, own: InferenceOptions, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, logger="rvs"):
            assert_works(load_network(CONVERTED, own))
        assert caplog.text == ""


# Says when it has seen that the cache is empty, and goes on when told: so both convert at the same time.
CONVERT_TOGETHER = """
import sys
from dataclasses import replace
from pathlib import Path
from rvs.inference import InferenceOptions, load_network
from tests.test_inference import TINY, assert_works

def build():
    model = TINY.build()
    print("building", flush=True)
    sys.stdin.readline()
    return model

options = InferenceOptions("openvino", "f32", Path(sys.argv[1]), threads=1, streams=1)
assert_works(load_network(replace(TINY, build=build), options))
print("works", flush=True)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    """Two that convert into one empty cache."""
    command = [sys.executable, "-c", CONVERT_TOGETHER, str(tmp_path)]
    started = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    yield started
    for process in started:
        process.kill()
        process.communicate()


def test_two_processes_convert_into_one_cache_at_once(
    processes: list["subprocess.Popen[str]"], options: InferenceOptions, tmp_path: Path
) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "building\n", process.stderr and process.stderr.read()
    assert not (tmp_path / "networks").exists()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, "works\n"), err
    ours = replace(options, cache_dir=tmp_path)
    assert in_cache(ours) == [cache_folder(TINY, tmp_path).name]
    assert_works(load_network(CONVERTED, ours))


class TestThreads:
    @pytest.mark.parametrize("streams", [1, 2])
    def test_at_once_give_the_same_as_one_by_one(self, options: InferenceOptions, streams: int) -> None:
        network = load_network(FACE_RESNET, replace(options, streams=streams))
        batches = list(noise(24, 1, 150, 150, 3))
        one_by_one = [network(batch)[0] for batch in batches]
        with ThreadPoolExecutor(8) as pool:
            at_once = list(pool.map(lambda batch: network(batch)[0], batches))
        np.testing.assert_allclose(at_once, one_by_one, rtol=0, atol=1e-6)
        assert np.std(np.concatenate(one_by_one), axis=0).min() > 1e-3  # so a mix-up would be seen

    def test_of_different_sizes(self, own: InferenceOptions) -> None:
        network = load_network(TINY, replace(own, streams=2))
        batches = [noise(1 + i % 3, 8 + i % 5, 8 + i % 7, 3) for i in range(200)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(network, batches))
        for batch, (omega, alpha) in zip(batches, answers, strict=True):
            assert omega.shape[:3] == batch.shape[:3]
            np.testing.assert_allclose(alpha, batch.mean(axis=(1, 2)) / 255, rtol=0, atol=1e-5)

    def test_a_failed_call_frees_its_place(self, own: InferenceOptions) -> None:
        network = load_network(TINY, own)  # one stream: a place that is lost was the only one
        worked = []

        def ask() -> None:
            for _ in range(2):
                with pytest.raises((RuntimeError, ValueError)):
                    network(np.zeros((1, 6, 8, 4), np.uint8))
            assert_works(network)
            worked.append(True)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(60)
        assert worked

    def test_may_be_the_first_of_a_process_all_at_once(self, tiny_cache: Path) -> None:
        """A regression: OpenVINO's binding set itself up in the first inference of a process, holding a lock
        while it waited for Python's; first inferences that ran concurrently waited for each other for ever.
        What it does there is import NumPy; that is made slow, so that the threads surely meet.
        """
        code = """
import builtins, sys, threading, time
from pathlib import Path
import numpy as np
from rvs.inference import InferenceOptions, load_network
from tests.test_inference import CONVERTED

options = InferenceOptions("openvino", "f32", Path(sys.argv[1]), threads=2, streams=8)
network = load_network(CONVERTED, options)
barrier = threading.Barrier(8, timeout=30)
done = []
real_import = builtins.__import__

def slow_import(*names, **more):
    time.sleep(0.1)
    return real_import(*names, **more)

builtins.__import__ = slow_import

def ask():
    batch = np.full((1, 64, 64, 3), 255, np.uint8)
    barrier.wait()
    done.append(float(network(batch)[1].min()))

threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(30)
assert len(done) == 8 and min(done) > 0.999, done
print("done", flush=True)
"""
        assert python(code, tiny_cache, timeout_s=60) == "done\n"


class TestImports:
    def test_serving_imports_neither_keras_nor_tensorflow(
        self, pipeline: Pipeline, cache_dir: Path, astronaut: Pixels, tmp_path: Path
    ) -> None:
        assert is_converted(FACE_RESNET, cache_dir)  # by the fixture `pipeline`
        np.save(tmp_path / "photo.npy", astronaut)
        code = """
import sys
from pathlib import Path
import numpy as np
from rvs.inference import InferenceOptions
from rvs.pipeline import DEFAULT_PIPELINE, load_pipeline, parse_pipeline

options = InferenceOptions("openvino", "f32", Path(sys.argv[1]), threads=1)
pipeline = load_pipeline(parse_pipeline(DEFAULT_PIPELINE), options)
photo = np.load(sys.argv[2])
(face,) = pipeline.faces(photo)
assert pipeline.embed([pipeline.chip(photo, face)]).shape == (1, 128)
print(*sorted({"keras", "tensorflow", "openvino", "torch", "h5py"} & sys.modules.keys()))
"""
        assert python(code, cache_dir, tmp_path / "photo.npy") == "openvino\n"

    def test_rvs_itself_costs_nothing(self) -> None:
        code = """
import sys
before = set(sys.modules)
import rvs
new = set(sys.modules) - before
print(*sorted({name.partition(".")[0] for name in new} - sys.stdlib_module_names))
print(*sorted(name for name in new if name.startswith("rvs.")))
"""
        # Only the standard library, and nothing of ours before it is asked for.
        assert python(code) == "rvs\n\n"

    @pytest.mark.parametrize("module", ["rvs.inference", "rvs.pipeline", "rvs.embedding.imagenet"])
    def test_a_module_imports_no_runtime(self, module: str) -> None:
        code = f"import sys, {module}; print(*({{'keras', 'tensorflow', 'openvino', 'h5py'}} & sys.modules.keys()))"
        assert python(code) == "\n"


class FakeCore:
    """A CPU with other abilities than this one."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = list(capabilities)

    def get_property(self, device: str, name: str) -> list[str]:
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self._capabilities


class TestChoices:
    @pytest.fixture
    def without_openvino(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = importlib.metadata.version

        def version(package: str) -> str:
            if package == "openvino":
                raise importlib.metadata.PackageNotFoundError(package)
            return real(package)

        monkeypatch.setattr(importlib.metadata, "version", version)

    @pytest.fixture
    def cpu(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rvs.inference, "_openvino_core", lambda: FakeCore("FP32", "INT8", *request.param))

    @pytest.mark.parametrize(
        ("wanted", "chosen"), [("auto", "openvino"), ("openvino", "openvino"), ("tensorflow", "tensorflow")]
    )
    def test_runtime(self, wanted: Any, chosen: str) -> None:
        assert choose_runtime(wanted) == chosen

    @pytest.mark.usefixtures("without_openvino")
    def test_runtime_without_openvino(self) -> None:
        assert choose_runtime("auto") == "tensorflow"
        assert choose_runtime("tensorflow") == "tensorflow"
        with pytest.raises(ConfigError, match="OpenVINO is not installed") as caught:
            choose_runtime("openvino")
        assert "RVS_RUNTIME=tensorflow" in caught.value.hint

    @pytest.mark.parametrize("cpu", [["BF16"]], indirect=True, ids=["with bf16"])
    @pytest.mark.parametrize(("wanted", "chosen"), [("auto", "bf16"), ("bf16", "bf16"), ("f32", "f32")])
    def test_precision(self, cpu: None, wanted: Any, chosen: str) -> None:
        assert choose_precision(wanted, "openvino") == chosen

    @pytest.mark.parametrize("cpu", [[]], indirect=True, ids=["without bf16"])
    def test_precision_of_a_cpu_without_bf16(self, cpu: None) -> None:
        assert choose_precision("auto", "openvino") == "f32"
        assert choose_precision("f32", "openvino") == "f32"
        with pytest.raises(ConfigError, match="cannot compute in bf16") as caught:
            choose_precision("bf16", "openvino")
        assert "RVS_PRECISION=auto" in caught.value.hint

    @pytest.mark.parametrize("cpu", [["BF16"]], indirect=True, ids=["with bf16"])
    def test_precision_of_tensorflow(self, cpu: None) -> None:
        assert choose_precision("auto", "tensorflow") == "f32"
        with pytest.raises(ConfigError, match="cannot compute in bf16"):
            choose_precision("bf16", "tensorflow")

    def test_precision_of_this_machine(self) -> None:
        assert choose_precision("auto", "openvino") in ("bf16", "f32")
        assert choose_precision("f32", "openvino") == "f32"


def test_openvino_is_loaded_without_the_client_that_reports_it(tmp_path: Path) -> None:
    """In a process of its own, because others here may have imported it already; with a home to look into."""
    script = """
import sys
from rvs.inference import _openvino_core
_openvino_core()
import openvino.tools.ovc
loaded = sorted(name for name, module in sys.modules.items() if "openvino_telemetry" in name and module)
print(loaded)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []  # it would leave the id that it reports with
