"""The Dockerfile is sound, and those of its steps that need no container do what they should."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Step(NamedTuple):
    instruction: str
    words: str


def stages() -> list[list[Step]]:
    """The Dockerfile's stages, each beginning with its FROM."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    found: list[list[Step]] = []
    for line in filter(None, (line.strip() for line in lines)):
        step = Step(*line.split(maxsplit=1))
        if step.instruction == "FROM":
            found.append([])
        found[-1].append(step)
    return found


BUILD, FINAL = stages()


def words_of(stage: list[Step], instruction: str) -> list[str]:
    return [step.words for step in stage if step.instruction == instruction]


def environment(stage: list[Step]) -> dict[str, str]:
    pairs = (word.partition("=") for words in words_of(stage, "ENV") for word in shlex.split(words))
    return {name: value for name, _, value in pairs}


def tool(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_the_linter_finds_nothing() -> None:
    linted = subprocess.run(
        [tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def test_both_stages_have_the_same_python_so_that_the_environment_can_be_copied() -> None:
    bases = {words.split()[0] for stage in (BUILD, FINAL) for words in words_of(stage, "FROM")}
    assert bases == {"python:3.11-slim-bookworm"}


def test_the_final_stage_installs_nothing() -> None:
    run = " ".join(words_of(FINAL, "RUN"))
    assert "useradd" in run
    assert not re.search(r"\b(apt|apt-get|dpkg|pip|gcc|g\+\+|build-essential|make|curl|wget)\b", run)


def test_everything_installed_is_pinned_by_hash_and_nothing_else_is_pulled_in() -> None:
    locked, project = [words for words in words_of(BUILD, "RUN") if "pip install" in words]
    assert {"--no-deps", "--require-hashes", "requirements.lock"} <= set(locked.split())
    assert {"--no-deps", "."} <= set(project.split())


def test_annoy_is_compiled_for_other_machines_too() -> None:
    arguments = environment(BUILD)["ANNOY_COMPILER_ARGS"].split(",")
    assert "-DANNOYLIB_MULTITHREADED_BUILD" in arguments
    assert not [argument for argument in arguments if argument.startswith("-m")]


def test_the_user_is_not_root_and_owns_what_is_written() -> None:
    user = words_of(FINAL, "USER")[-1]
    uid, gid = user.split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    run = " ".join(words_of(FINAL, "RUN"))
    assert f"--uid {uid} --gid {gid}" in run
    assert f"-o {uid} -g {gid} /var/lib/lookalike" in run
    written = [words for words in words_of(FINAL, "COPY") if " /var/lib/lookalike" in words]
    assert written
    assert all(words.startswith(f"--chown={user} ") for words in written)


def test_nothing_but_the_volume_is_written() -> None:
    (volume,) = json.loads(words_of(FINAL, "VOLUME")[0])
    instructions = [step.instruction for step in FINAL]
    # What is put there later does not get into a volume.
    assert not {"RUN", "COPY"} & set(instructions[instructions.index("VOLUME") :])
    settings = environment(FINAL)
    assert settings["RVS_INDEX_DIR"].startswith(f"{volume}/")
    assert settings["RVS_DATA_DIR"].startswith(f"{volume}/")
    assert settings["RVS_CACHE_DIR"] == environment(BUILD)["RVS_CACHE_DIR"]  # converted there, only read here


def test_signals_reach_the_bot_itself() -> None:
    assert json.loads(words_of(FINAL, "ENTRYPOINT")[0]) == ["python", "bot.py"]
    assert words_of(FINAL, "STOPSIGNAL") == ["SIGTERM"]
    assert "CMD" not in {step.instruction for step in FINAL}


def test_labels_describe_the_image_and_name_no_address() -> None:
    labels = dict(pair.split("=", 1) for pair in shlex.split(words_of(FINAL, "LABEL")[0]))
    prefix = "org.opencontainers.image."
    assert {label.removeprefix(prefix) for label in labels} == {"title", "description", "licenses", "version"}
    assert labels[f"{prefix}licenses"] == "MIT"
    assert "://" not in (ROOT / "Dockerfile").read_text().replace("http://127.0.0.1", "")


def sources() -> list[str]:
    """What is copied from the repository."""
    found: list[str] = []
    for words in words_of(BUILD, "COPY") + words_of(FINAL, "COPY"):
        *copied, _ = [word for word in words.split() if not word.startswith("--")]
        found += [] if "--from=" in words else copied
    return found


def in_context(path: str) -> bool:
    """Whether .dockerignore lets a file through: the last pattern that fits it or a folder of it decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{pattern}(/.*)?", path):
            kept = line.startswith("!")
    return kept


def git(*arguments: str) -> str:
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a clone")
    return subprocess.run(
        [tool("git"), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout


def test_everything_copied_is_in_the_repository_and_in_the_context() -> None:
    tracked = git("ls-files", *sources()).splitlines()
    assert {"bot.py", "rvs/settings.py", "index/lfw/current"} <= set(tracked)
    for source in sources():
        assert (ROOT / source).exists(), source
        assert git("ls-files", source), source
    assert [path for path in tracked if not in_context(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "secrets/discord_token",
        ".git/config",
        ".venv/bin/python",
        "demo/lookalike.jpg",
        "index/crew/current",
        "index/lfw/.build.lock",
        "index/lfw/.20261122.part/vectors.npy",
        "rvs/__pycache__/engine.cpython-311.pyc",
        "lfw/Abel_Pacheco/Abel_Pacheco_0001.jpg",
        "tests/test_container.py",
    ],
)
def test_what_must_not_be_in_the_image_does_not_reach_the_engine_that_builds_it(path: str) -> None:
    assert not in_context(path)


def test_the_step_that_converts_the_networks_does(cache_dir: Path) -> None:
    (step,) = [words for words in words_of(BUILD, "RUN") if " -c " in words]
    _, *arguments = shlex.split(step)
    given = {"RVS_INDEX_DIR": str(ROOT / "index"), "RVS_CACHE_DIR": str(cache_dir)}
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ | given, check=True)
    assert {path.name.rsplit("-", 1)[0] for path in (cache_dir / "networks").iterdir()} >= {
        "face-resnet",
        "retinaface-mobilenet",
    }


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server on loopback that is asked for /readyz; its port."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def health(port: int) -> int:
    """The exit code of the health check."""
    _, command, *arguments = json.loads(words_of(FINAL, "HEALTHCHECK")[0].partition("CMD ")[2])
    unreachable = {"http_proxy": "http://127.0.0.1:9", "RVS_OPS_PORT": str(port)}
    checked = subprocess.run(
        [sys.executable, command, *arguments], env=os.environ | unreachable, capture_output=True, check=False
    )
    return checked.returncode


def test_the_health_check_tells_ready_from_not_ready() -> None:
    with answering(200) as port:
        assert health(port) == 0
    with answering(503) as port:
        assert health(port) == 1
    assert health(port) == 1  # nobody listens there any more
