"""What can be set about an engine elsewhere."""

from pathlib import Path

import pytest

from rvs.errors import ConfigError
from rvs.remote.settings import load_engine_settings


def test_by_default_there_is_none() -> None:
    settings = load_engine_settings()
    assert settings.urls == ()
    assert settings.key_text() is None


def test_one_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVS_ENGINE_URL", "http://one:8080/")
    assert load_engine_settings().urls == ("http://one:8080",)
    monkeypatch.setenv("RVS_ENGINE_URL", "http://one:8080, https://two/engine/ ,")
    assert load_engine_settings().urls == ("http://one:8080", "https://two/engine")
    monkeypatch.setenv("RVS_ENGINE_URL", "")
    assert load_engine_settings().urls == ()


@pytest.mark.parametrize(
    "url", ["one:8080", "ftp://one", "http://", "http://user:secret@one", "http://one?x=1", "http://one,two"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match="RVS_ENGINE_URL") as caught:
        load_engine_settings(url=url)
    assert "secret" not in caught.value.message


def test_the_key_in_a_file_or_not(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("a-key\n")
    assert load_engine_settings(key_file=file).key_text() == "a-key"
    assert load_engine_settings(key="another").key_text() == "another"
    with pytest.raises(ConfigError, match="cannot be read"):
        load_engine_settings(key_file=tmp_path / "nothing").key_text()
    with pytest.raises(ConfigError, match="characters"):
        load_engine_settings(key="two\r\nlines").key_text()


def test_the_key_is_never_printed() -> None:
    assert "another" not in repr(load_engine_settings(key="another"))
