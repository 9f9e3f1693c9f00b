"""A build in a process of its own: what it tells, how it ends, and that it never outlives its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.build_command import build_command, build_environment
from rvs.errors import (
    GalleryMissingError,
    RebuildCancelledError,
    RebuildError,
    RebuildFailedError,
    RebuildRunningError,
)
from rvs.gallery.store import Store
from rvs.rebuild import BuildProgress, Rebuild
from rvs.settings import load_settings
from tests.gallery.small import builder, draw, make_gallery, photo_path, save, unheard

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60
PEOPLE, PHOTOS = 6, 4


@dataclass(frozen=True)
class Bench:
    """A gallery of 24 photos, and the index beside it."""

    gallery: Path
    index: Path

    async def start(self, *how: str, grace_s: float = 5) -> Rebuild:
        command = [sys.executable, "-m", "tests.gallery.told_build", str(self.gallery), str(self.index), *how]
        return await Rebuild.start(command, os.environ | {"PYTHONPATH": str(ROOT)}, grace_s=grace_s)

    async def start_and_wait_at(self, stage: str, done: int, how: str = "wait") -> Rebuild:
        rebuild = await self.start(how, stage, str(done), grace_s=0.2)
        async with asyncio.timeout(PATIENCE_S):
            async for progress in rebuild:
                if (progress.stage, progress.done) == (stage, done):
                    return rebuild
        await rebuild.result()
        raise AssertionError("it never came to that step")

    @property
    def current(self) -> str:
        return Store(self.index).current().name


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(make_gallery(tmp_path / "gallery", range(PEOPLE), PHOTOS), tmp_path / "index")


def _gone(pid: int) -> bool:
    """Whether nothing of a process is left but its exit code: its files stay open as long as any thread lives."""
    try:
        tasks = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
        return all(task.read_text().rpartition(")")[2].split()[0] in "ZX" for task in tasks)
    except (FileNotFoundError, ProcessLookupError):
        return not Path(f"/proc/{pid}").exists()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestABuild:
    async def test_what_it_did(self, bench: Bench) -> None:
        save(Image.new("RGB", (64, 64)), bench.gallery / "Nobody" / "1.png")
        result = await (await bench.start()).result()
        assert (result.changed, result.people, result.photos) == (True, PEOPLE, PEOPLE * PHOTOS)
        assert (result.embedded, result.reused, result.missed) == (PEOPLE * PHOTOS + 1, 0, 1)
        assert result.misses[0].startswith("Nobody/1.png: ")
        assert result.recall_at_10 > 0.99
        assert result.version == bench.current

    async def test_its_progress_goes_through_the_stages(self, bench: Bench) -> None:
        rebuild = await bench.start()
        seen = [progress async for progress in rebuild]
        assert list(dict.fromkeys(one.stage for one in seen))[-1] == "verify"
        assert rebuild.progress == seen[-1] == BuildProgress("verify", 1, 1, *_speed(seen[-1]))
        assert not rebuild.running

    async def test_somebody_who_comes_late_gets_the_newest(self, bench: Bench) -> None:
        rebuild = await bench.start()
        await rebuild.result()
        assert [one.stage async for one in rebuild] == ["verify"]

    async def test_only_new_photos_are_embedded(self, bench: Bench) -> None:
        before = await (await bench.start()).result()
        again = await (await bench.start()).result()
        assert (again.changed, again.version) == (False, before.version)
        save(draw(77, photo=1), photo_path(bench.gallery, 77, 1))
        after = await (await bench.start()).result()
        assert (after.changed, after.embedded, after.reused) == (True, 1, PEOPLE * PHOTOS)

    async def test_it_has_lower_priority_than_we(self, bench: Bench) -> None:
        rebuild = await bench.start_and_wait_at("embed", 4)
        ours, its = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (0, rebuild.pid))
        # In our session: where Linux shares out time by session first, priorities count within each only.
        session = os.getsid(rebuild.pid)
        group = os.getpgid(rebuild.pid)
        await rebuild.cancel()
        assert its == min(19, ours + 10) or its == 10
        assert session == os.getsid(0)
        assert group != os.getpgid(0)


def _speed(progress: BuildProgress) -> tuple[float | None, float | None]:
    return progress.per_second, progress.eta_s


class TestCancelling:
    async def test_the_old_version_stays_and_the_next_build_goes_on(self, bench: Bench) -> None:
        old = builder(bench.index).build(bench.gallery, unheard).version.name
        make_gallery(bench.gallery, range(50, 54), PHOTOS)
        rebuild = await bench.start_and_wait_at("embed", PEOPLE * PHOTOS + 8)
        await rebuild.cancel()
        with pytest.raises(RebuildCancelledError):
            await rebuild.result()
        assert _gone(rebuild.pid)
        assert bench.current == old
        result = await (await bench.start()).result()
        assert result.changed
        assert result.photos == (PEOPLE + 4) * PHOTOS
        assert result.embedded < 4 * PHOTOS

    async def test_a_child_that_does_not_listen_is_killed(self, bench: Bench) -> None:
        rebuild = await bench.start_and_wait_at("embed", 4, "deaf")
        await rebuild.cancel()
        with pytest.raises(RebuildCancelledError):
            await rebuild.result()
        assert _gone(rebuild.pid)

    async def test_cancelling_what_has_ended_changes_nothing(self, bench: Bench) -> None:
        rebuild = await bench.start()
        result = await rebuild.result()
        await rebuild.cancel()
        assert await rebuild.result() == result

    async def test_who_waits_for_the_result_may_go(self, bench: Bench) -> None:
        rebuild = await bench.start()
        waiting = asyncio.create_task(rebuild.result())
        await asyncio.sleep(0)
        waiting.cancel()
        assert (await rebuild.result()).changed


class TestFailing:
    async def test_a_killed_child(self, bench: Bench) -> None:
        old = builder(bench.index).build(bench.gallery, unheard).version.name
        make_gallery(bench.gallery, range(50, 54), PHOTOS)
        rebuild = await bench.start_and_wait_at("embed", PEOPLE * PHOTOS + 4)
        os.kill(rebuild.pid, signal.SIGKILL)
        with pytest.raises(RebuildFailedError, match="SIGKILL"):
            await rebuild.result()
        assert bench.current == old
        assert (await (await bench.start()).result()).changed

    async def test_its_last_lines_are_kept_and_only_those(self, bench: Bench) -> None:
        rebuild = await bench.start("crash")
        with pytest.raises(RebuildFailedError, match="exit code 1") as caught:
            await rebuild.result()
        assert caught.value.last_lines[-1] == "RuntimeError: the disk is on fire"
        assert len(caught.value.last_lines) == 12
        assert not any("\x1b" in line for line in caught.value.last_lines)

    async def test_an_error_of_ours_keeps_its_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "gallery").mkdir()
        rebuild = await Bench(tmp_path / "gallery", tmp_path / "index").start()
        with pytest.raises(RebuildFailedError) as caught:
            await rebuild.result()
        with pytest.raises(GalleryMissingError) as here:
            builder(tmp_path / "index").build(tmp_path / "gallery", unheard)
        assert (caught.value.message, caught.value.hint) == (here.value.message, here.value.hint)

    async def test_two_builds_at_once(self, bench: Bench) -> None:
        first = await bench.start_and_wait_at("embed", 4)
        second = await bench.start()
        with pytest.raises(RebuildRunningError):
            await second.result()
        await first.cancel()
        assert (await (await bench.start()).result()).changed

    async def test_words_that_are_not_ours_are_no_news(self) -> None:
        script = (
            "print('[1]'); print('hello'); print('{\"stage\": 1, \"colour\": 2}'); print('x' * 3_000_000)"
        )
        rebuild = await Rebuild.start([sys.executable, "-c", script], os.environ)
        with pytest.raises(RebuildError):
            await rebuild.result()
        assert rebuild.progress is None

    async def test_a_command_that_is_not_there(self) -> None:
        with pytest.raises(OSError, match="nowhere"):
            await Rebuild.start(["/nowhere/python"], os.environ)


def test_a_build_ends_with_its_parent(bench: Bench) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.gallery.parent_of_build", str(bench.gallery), str(bench.index)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not _gone(child)
        parent.kill()
    _until(lambda: _gone(child))
    # Nothing of it is in the way of the next one, which goes on from what was embedded.
    report = builder(bench.index).build(bench.gallery, unheard)
    assert report.embedded < PEOPLE * PHOTOS


class TestTheRealCommand:
    async def test_it_builds_what_the_settings_say(
        self, astronaut: Pixels, cache_dir: Path, tmp_path: Path
    ) -> None:
        portrait = Image.fromarray(astronaut)
        for person, width in (("Ann", 512), ("Bea", 430)):
            for number in (1, 2):
                save(
                    portrait.crop((0, 0, width, 512 - 10 * number)),
                    tmp_path / "faces" / person / f"{number}.jpg",
                )
        settings = load_settings(
            index="faces", index_dir=tmp_path / "index", cache_dir=cache_dir, precision="f32", threads=1
        )
        command = build_command("faces", tmp_path / "faces", face="centre", trees=7)
        rebuild = await Rebuild.start(command, build_environment(settings, os.environ))
        stages = {progress.stage async for progress in rebuild}
        result = await rebuild.result()
        assert (result.people, result.photos, result.missed) == (2, 4, 0)
        assert stages & {"embed", "index", "verify"}
        (version, manifest) = Store(tmp_path / "index" / "faces").versions()[0]
        assert version.name == result.version
        assert not isinstance(manifest, Exception)
        assert (manifest.precision, manifest.face_choice, manifest.forest.trees) == ("f32", "centre", 7)

    async def test_a_failure_has_its_sentence(self, cache_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        settings = load_settings(index_dir=tmp_path / "index", cache_dir=cache_dir)
        command = build_command("empty", tmp_path / "empty")
        rebuild = await Rebuild.start(command, build_environment(settings, os.environ))
        with pytest.raises(RebuildFailedError, match="no photos") as caught:
            await rebuild.result()
        assert any("no photos" in line for line in caught.value.last_lines)


class TestTheEnvironment:
    def test_secrets_stay_here(self, tmp_path: Path) -> None:
        inherited = {"DISCORD_TOKEN": "t", "RVS_DISCORD_ADMINS": "[1]", "RVS_INDEX": "x", "HOME": "/home/me"}
        environment = build_environment(load_settings(index="mine", index_dir=tmp_path), inherited)
        assert not any(name.startswith(("DISCORD_", "RVS_DISCORD_")) for name in environment)
        assert environment["RVS_INDEX"] == "mine"
        assert environment["RVS_INDEX_DIR"] == str(tmp_path)
        assert environment["HOME"] == "/home/me"

    def test_what_was_not_set_stays_so(self) -> None:
        assert "RVS_WEIGHTS" not in build_environment(load_settings(), {"RVS_WEIGHTS": "x"})

    def test_the_same_settings_come_out_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = load_settings(threads=3, search="exact", work_seconds=7.5)
        for name, value in build_environment(settings, {}).items():
            monkeypatch.setenv(name, value)
        assert load_settings() == settings

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (f"/site-packages/cv2/../../lib64:{os.pathsep}/usr/lib", "/usr/lib"),
            (f"/a{os.pathsep}/b", f"/a{os.pathsep}/b"),
            (os.pathsep, None),
        ],
    )
    def test_the_folders_of_libraries_are_sound(self, before: str, after: str | None) -> None:
        environment = build_environment(load_settings(), {"LD_LIBRARY_PATH": before})
        assert environment.get("LD_LIBRARY_PATH") == after
