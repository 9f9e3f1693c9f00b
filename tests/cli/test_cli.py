"""The command line as a person or a script uses it, over the real networks and the committed index."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvs.arrays import Pixels
from rvs.cli.app import exit_code, run
from rvs.errors import LookalikeError
from rvs.pipeline import parse_pipeline
from tools.sample_photo import sample_photo

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, cache_dir: Path, tmp_path: Path) -> None:
    """Our own cache and data folders, the clone's index, and no LFW."""
    monkeypatch.delenv("RVS_LFW_DIR", raising=False)
    monkeypatch.delenv("RVS_LFW_PAIRS", raising=False)
    monkeypatch.setenv("RVS_CACHE_DIR", str(cache_dir))
    monkeypatch.setenv("RVS_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def portrait() -> str:
    return str(sample_photo())


def save(pixels: Pixels, path: Path) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_find_ranks_people_once_each_and_prints_a_table(
    portrait: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["find", portrait, "-k", "3"]) == 0
    printed = capsys.readouterr().out
    assert "resembles" in printed
    assert [line.split()[0] for line in printed.splitlines()[2:5]] == ["1", "2", "3"]


def test_find_as_json(portrait: str, answer: Callable[..., Any]) -> None:
    document = answer("find", portrait)
    assert document["format"] == 1
    (photo,) = document["photos"]
    (found,) = photo["searched"]
    people = [match["person"] for match in found["matches"]]
    distances = [match["score"]["distance"] for match in found["matches"]]
    assert len(people) == len(set(people)) == 8
    assert distances == sorted(distances)
    assert found["quality"]["usable"]
    assert all(0 < match["photos_agreeing"] <= match["photos_total"] for match in found["matches"])


def test_exact_search_names_the_same_people(portrait: str, answer: Callable[..., Any]) -> None:
    def people(document: Any) -> list[str]:
        return [match["person"] for match in document["photos"][0]["searched"][0]["matches"]]

    assert people(answer("find", portrait)) == people(answer("find", portrait, "--exact"))


def test_find_writes_the_grid(portrait: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "grid.jpg"
    assert run(["find", portrait, "-o", str(output)]) == 0
    assert output.stat().st_size < 1_000_000
    with Image.open(output) as grid:
        assert grid.format == "JPEG"
    assert str(output) in capsys.readouterr().out


def test_every_face_gets_its_grid(astronaut: Pixels, tmp_path: Path, answer: Callable[..., Any]) -> None:
    two = save(np.hstack([astronaut, astronaut[:, ::-1]]), tmp_path / "two.png")
    document = answer("find", two, "--face", "all", "-o", str(tmp_path / "grid.jpg"))
    searched = document["photos"][0]["searched"]
    assert [found["face"] for found in searched] == [1, 2]
    assert [Path(found["grid"]).name for found in searched] == ["grid-1.jpg", "grid-2.jpg"]
    assert all(Path(found["grid"]).is_file() for found in searched)
    # A face and its mirror image are one to the network.
    assert searched[0]["matches"][0]["person"] == searched[1]["matches"][0]["person"]


def test_one_bad_photo_does_not_cost_the_others_their_answer(
    portrait: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "letter.jpg"
    text.write_text("Dear all, this is no photo.")
    assert run(["find", str(text), portrait, "--json"]) == 3
    documents = json.loads(capsys.readouterr().out)["photos"]
    assert documents[0]["error"]["code"] == "photo.not_an_image"
    assert documents[1]["searched"]


def test_standard_input(
    portrait: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(portrait).read_bytes())))
    assert run(["find", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["photos"][0]["photo"] == "-"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["find", "nowhere.jpg"], 3, "nowhere.jpg"),
        (["find", "PORTRAIT", "--face", "7"], 2, "no face 7"),
        (["find", "PORTRAIT", "--face", "left"], 2, '"left" is not a face'),
        (["find", "PORTRAIT", "--pipeline", "resnet50"], 2, "is not a pipeline"),
        (["find", "PORTRAIT", "--pipeline", "eyes + resnet50"], 2, 'no face detector "eyes"'),
        (["find", "PORTRAIT", "--pipeline", "whole-image + alexnet"], 2, 'no embedding network "alexnet"'),
        (["find", "PORTRAIT", "--pipeline", "whole-image + resnet50"], 4, "another pipeline"),
        (["find", "PORTRAIT", "--index", "family"], 4, "no index"),
        (["find", "PORTRAIT", "--index", "../etc"], 2, "RVS_INDEX"),
        (["find", "PORTRAIT", "-k", "0"], 2, "--people"),
        (["find"], 2, "PHOTO"),
        (["dance"], 2, "dance"),
        (["index", "build"], 4, "LFW is not on this machine"),
        (["index", "build", "--gallery", "nowhere"], 4, "nowhere"),
        (["index", "build", "--gallery", "/"], 2, "--index"),
        (["lfw", "check"], 4, "LFW is not on this machine"),
        (["eval"], 4, "pairs"),
    ],
)
def test_errors_are_one_sentence_and_a_code(
    words: list[str], code: int, says: str, portrait: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([portrait if word == "PORTRAIT" else word for word in words]) == code
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.startswith("error: ")
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_a_photo_without_a_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blank = save(np.full((300, 400, 3), 200, np.uint8), tmp_path / "wall.png")
    assert run(["find", blank]) == 3
    assert "No face was found" in capsys.readouterr().err


def test_a_setting_that_makes_no_sense(
    portrait: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVS_PEOPLE", "many")
    assert run(["find", portrait]) == 2
    assert "RVS_PEOPLE" in capsys.readouterr().err


def test_debug_shows_what_happened(portrait: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nobody")

    monkeypatch.setattr("rvs.cli.find.load_engine", broken)
    assert run(["find", portrait]) == 1
    with pytest.raises(ZeroDivisionError):
        run(["--debug", "find", portrait])


def test_every_error_has_an_exit_code() -> None:
    def below(kind: type[LookalikeError]) -> list[type[LookalikeError]]:
        return [kind, *(deeper for sub in kind.__subclasses__() for deeper in below(sub))]

    kinds = below(LookalikeError)[1:]
    assert len(kinds) == len({kind.code for kind in kinds})
    # The command line never raises what only the bot or the HTTP service knows.
    theirs = {"consent", "unauthorized", "forbidden", "engine", "engine.unreachable"}
    kinds = [kind for kind in kinds if kind.code not in theirs and not kind.code.startswith("discord.")]
    assert all(exit_code(kind("")) in range(2, 7) for kind in kinds)


def test_compare(portrait: str, astronaut: Pixels, tmp_path: Path, answer: Callable[..., Any]) -> None:
    dimmed = save((astronaut * 0.8).astype(np.uint8), tmp_path / "dimmed.jpg")
    same, alike = answer("compare", portrait, portrait)["score"], answer("compare", portrait, dimmed)["score"]
    assert same["distance"] < 1e-3
    assert same["word"] == "uncanny"
    assert 0 < alike["distance"] < 0.3


def test_compare_says_which_photo_has_no_face(
    portrait: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wall = save(np.full((300, 400, 3), 200, np.uint8), tmp_path / "wall.png")
    assert run(["compare", portrait, wall]) == 3
    assert "second photo" in capsys.readouterr().err


def test_models_names_every_part_of_a_pipeline(answer: Callable[..., Any]) -> None:
    document = answer("models")
    assert {"retinaface-mobilenet", "retinaface-resnet50"} == {d["name"] for d in document["detectors"]}
    names = {"face-resnet", "resnet50", "vgg16", "mobilenet", "inceptionv3", "xception", "mobilenetv2"}
    assert names == {e["name"] for e in document["embedders"]}
    assert "make mobilenetv2" in document["embedders"][-1]["weights"]
    assert all(entry["licence"] for entry in document["embedders"] + document["detectors"])


def test_models_says_how_a_pipeline_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models"]) == 0
    printed = capsys.readouterr().out
    assert "…" not in printed
    named = re.findall(r'"([^"]+)"', " ".join(printed.split()))
    assert len(named) == 2
    assert [str(parse_pipeline(name)) for name in named] == named


def test_doctor_finds_a_sound_installation(answer: Callable[..., Any]) -> None:
    findings = {finding["subject"]: finding for finding in answer("doctor")}
    assert findings["index"]["state"] == "ok"
    assert findings["photos"]["state"] == "note"  # LFW is never part of the project


def test_doctor_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path))
    assert run(["doctor"]) == 1
    assert "rvs index build" in capsys.readouterr().out


def test_index_list_and_verify(answer: Callable[..., Any]) -> None:
    # A developer may have others beside it, such as those of the study.
    (row,) = [row for row in answer("index", "list") if row["in_use"] and row["index"] == "lfw"]
    report = answer("index", "verify")
    assert (row["photos"], row["people"]) == (report["photos"], report["people"]) == (13233, 5749)
    assert report["recall_at_10"] >= 0.999


def test_a_gallery_of_ones_own(
    astronaut: Pixels, tmp_path: Path, answer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path / "index"))
    for person, pixels in (("Eileen_Collins", astronaut), ("Nobody", np.full((200, 200, 3), 99, np.uint8))):
        (tmp_path / "Crew" / person).mkdir(parents=True)
        save(pixels, tmp_path / "Crew" / person / "1.png")
    (tmp_path / "Crew" / "Mirror").mkdir()
    save(np.ascontiguousarray(astronaut[60:450, :420]), tmp_path / "Crew" / "Mirror" / "1.png")

    built = answer("index", "build", "--gallery", str(tmp_path / "Crew"))
    assert (built["people"], built["photos"]) == (2, 2)
    assert built["misses"] == [{"file": "Nobody/1.png", "reason": "No face was found."}]
    again = answer("index", "build", "--gallery", str(tmp_path / "Crew"))
    assert not again["changed"]

    probe = save(astronaut, tmp_path / "probe.png")
    grid = tmp_path / "grid.jpg"
    found = answer("find", probe, "--index", "crew", "-o", str(grid))["photos"][0]["searched"][0]
    assert found["matches"][0]["person"] == "Eileen Collins"
    assert found["matches"][0]["score"]["distance"] < 1e-2
    without = answer("find", probe, "--index", "crew", "--exclude-self")["photos"][0]["searched"][0]
    assert "Eileen Collins" not in [match["person"] for match in without["matches"]]


def test_an_index_over_another_crop(
    astronaut: Pixels,
    tmp_path: Path,
    answer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RVS_INDEX_DIR", str(tmp_path / "index"))
    for person, pixels in (("Eileen_Collins", astronaut), ("Mirror", astronaut[60:450, :420])):
        (tmp_path / "Crew" / person).mkdir(parents=True)
        save(np.ascontiguousarray(pixels), tmp_path / "Crew" / person / "1.png")
    pipeline = "retinaface-mobilenet + face + face-resnet"
    answer("index", "build", "--gallery", str(tmp_path / "Crew"), "--pipeline", pipeline)

    probe = save(astronaut, tmp_path / "probe.png")
    document = answer("find", probe, "--index", "crew", "--pipeline", pipeline)
    assert document["pipeline"] == pipeline
    assert document["photos"][0]["searched"][0]["matches"][0]["person"] == "Eileen Collins"
    assert run(["find", probe, "--index", "crew"]) == 4
    assert f"another pipeline ({pipeline})" in " ".join(capsys.readouterr().err.split())


def test_the_command_is_installed(portrait: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rvs", "find", portrait, "-k", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "resembles" in done.stdout


def test_nothing_heavy_is_loaded_for_help() -> None:
    code = "import sys; from rvs.cli.app import run; run(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"tensorflow", "keras", "openvino", "onnxruntime", "cv2"}.isdisjoint(done.stdout.split())


def test_help_shows_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """As a style, which square brackets could be, they would be swallowed."""
    assert run(["find", "--help"]) == 0
    assert "[default: largest]" in capsys.readouterr().out
