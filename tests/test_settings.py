"""Settings as people leave them in their environment and in .env: a variable without a value is not set."""

import traceback
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from rvs.discord_app.settings import DiscordSettings
from rvs.engine import gallery_photos
from rvs.errors import ConfigError
from rvs.gallery.lfw import find_pairs
from rvs.remote.settings import EngineSettings
from rvs.settings import Settings, load, load_settings, variable
from rvs.web.settings import ServeSettings

EVERY: list[type[BaseSettings]] = [Settings, DiscordSettings, ServeSettings, EngineSettings]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither by the environment of the tests nor by a .env of the checkout."""
    monkeypatch.chdir(tmp_path)
    for name in _variables():
        monkeypatch.delenv(name, raising=False)


def _variables() -> list[str]:
    return [variable(kind, name) for kind in EVERY for name in kind.model_fields]


@pytest.mark.parametrize("kind", EVERY)
def test_an_empty_variable_of_the_environment_is_as_if_it_were_not_there(
    kind: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    default = kind()
    for name in _variables():
        monkeypatch.setenv(name, "")
    assert kind() == default


@pytest.mark.parametrize("kind", EVERY)
def test_a_line_of_dotenv_without_a_value_is_as_if_it_were_not_there(
    kind: type[BaseSettings], tmp_path: Path
) -> None:
    default = kind()
    (tmp_path / ".env").write_text("".join(f"{name}=\n" for name in _variables()))
    assert kind() == default


def test_an_empty_folder_of_lfw_is_not_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RVS_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("RVS_LFW_DIR", "")
    monkeypatch.setenv("RVS_LFW_PAIRS", "")
    settings = load_settings()
    assert gallery_photos(settings).root is None
    assert find_pairs(settings.lfw_pairs, settings.data_dir) is None


def test_the_environment_without_a_value_leaves_what_dotenv_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("RVS_LFW_DIR=photos\n")
    monkeypatch.setenv("RVS_LFW_DIR", "")
    assert load_settings().lfw_dir == Path("photos")


@pytest.mark.parametrize("kind", EVERY)
def test_a_value_that_makes_no_sense_is_an_error_that_names_the_variable_and_not_the_value(
    kind: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, field in kind.model_fields.items():
        if field.annotation not in {int, float}:
            continue
        with monkeypatch.context() as given:
            given.setenv(variable(kind, name), "opensesame")
            with pytest.raises(ConfigError) as caught:
                load(kind, {})
        assert caught.value.message.startswith(f"The setting {variable(kind, name)} makes no sense: ")
        shown = traceback.format_exception(caught.value)
        assert "opensesame" not in "".join(shown)
