"""What the documents say is so: commands, settings, error codes, licences."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from rvs.cli.app import run
from rvs.discord_app.settings import DiscordSettings
from rvs.errors import LookalikeError
from rvs.remote.settings import EngineSettings
from rvs.settings import Settings
from rvs.web.settings import ServeSettings
from rvs.weights import FACE_RESNET, RETINAFACE_MOBILENET
from tools.convert_mobilenetv2 import MOBILENETV2_WHEEL
from tools.convert_weights import FACE_RESNET_WHEEL, RETINAFACE_WHEEL, Wheel
from tools.env_example import EXAMPLE, example

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


ALL = [Settings, DiscordSettings, ServeSettings, EngineSettings]


def blocks() -> list[str]:
    """The lines of the README's code blocks."""
    return [
        line.split("  #")[0].strip()
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
    ]


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for line in blocks() if line.startswith("make ")}
    assert {"demo", "test"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def commands() -> list[str]:
    return sorted({line for line in blocks() if re.match(r"(RVS_\w+=\S+ )*rvs ", line)})


@pytest.mark.parametrize("line", commands())
def test_commands_and_options_in_the_readme_exist(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = re.sub(r'"[^"]*"', "X", line.partition("rvs ")[2]).split()
    names = [word for word in words if re.fullmatch(r"[a-z]+", word)]
    command = names[:2] if names[0] in ("index", "lfw", "gallery") else names[:1]
    assert run([*command, "--help"]) == 0
    described = capsys.readouterr().out
    assert all(word in described for word in words if word.startswith("-"))


@pytest.mark.parametrize("settings", ALL)
def test_every_setting_is_in_the_readme_with_its_description(settings: type[BaseSettings]) -> None:
    prefix = settings.model_config["env_prefix"]
    for name, field in settings.model_fields.items():
        variable = field.validation_alias or f"{prefix}{name.upper()}"
        assert f"| `{variable}` |" in README, name
        assert field.description is not None
        assert field.description in README.replace("\n", " "), name


def test_the_example_of_an_env_file_is_made_from_the_settings() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example(), "run python -m tools.env_example"
    given = re.findall(r"^(\w+)=", example(), re.MULTILINE)
    assert given == ["DISCORD_TOKEN"]


@pytest.mark.parametrize("settings", ALL)
def test_the_defaults_in_the_example_are_the_defaults(settings: type[BaseSettings], tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("\n".join(re.findall(r"^# (\w+=.+)$", example(), re.MULTILINE)), encoding="utf-8")
    assert file.read_text().count("RVS_") > 30
    assert settings(_env_file=file) == settings()


def test_the_exit_codes_of_the_bot_are_in_the_readme() -> None:
    described = README.replace("\n", " ")
    for words in ("0 as asked", "2 a setting", "3 the token", "4 the message content intent", "5 the index"):
        assert words in described
    assert "6 Discord cannot be reached" in described


def test_every_error_code_is_documented() -> None:
    described = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")

    def codes(kind: type[LookalikeError]) -> list[str]:
        return [kind.code, *(code for sub in kind.__subclasses__() for code in codes(sub))]

    assert all(f"`{code}`" in described for code in codes(LookalikeError)[1:])


def test_every_weight_file_is_in_the_notice() -> None:
    notice = (ROOT / "NOTICE.md").read_text(encoding="utf-8")
    for weights in (FACE_RESNET, RETINAFACE_MOBILENET):
        assert weights.file in notice
        assert weights.sha256 in notice
    assert {path.name for path in (ROOT / "rvs" / "weights").glob("*.h5")} == {
        FACE_RESNET.file,
        RETINAFACE_MOBILENET.file,
    }


@pytest.mark.parametrize("wheel", [FACE_RESNET_WHEEL, RETINAFACE_WHEEL, MOBILENETV2_WHEEL])
def test_every_wheel_is_in_the_notice_and_pinned(wheel: Wheel) -> None:
    name, version = wheel.file.split("-")[:2]
    pin = f"{name.replace('_', '-')}=={version} --hash=sha256:{wheel.sha256}"
    assert pin in (ROOT / "tools" / "wheels.lock").read_text(encoding="utf-8").splitlines()
    assert wheel.sha256 in (ROOT / "NOTICE.md").read_text(encoding="utf-8")


def test_no_photo_of_a_person_is_in_the_repository() -> None:
    photos = [
        path for path in (ROOT / "index").rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
    ]
    assert photos == []


def test_locks_pin_by_hash_and_name_no_index() -> None:
    for lock in (
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-scale.lock",
        "tools/wheels.lock",
        "tools/peers.lock",
    ):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "://" not in text
        assert not re.search(r"^--", text, re.MULTILINE)
        pinned = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
        assert pinned
        assert all("--hash" in line or line.endswith("\\") for line in pinned)
