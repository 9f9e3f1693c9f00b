"""What can be set about `rvs serve`, and what is refused."""

from pathlib import Path

import pytest

from rvs.errors import ConfigError
from rvs.web.settings import is_this_machine, load_serve_settings

KEY = "0123456789abcdef-._~+/=="


def test_by_default_only_this_machine_can_ask_and_needs_no_key() -> None:
    settings = load_serve_settings()
    assert is_this_machine(settings.host)
    assert settings.key_text() is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine(host: str) -> None:
    assert is_this_machine(host)
    assert load_serve_settings(host=host).key_text() is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org", "*"])  # noqa: S104
def test_others_can_ask_only_with_a_key(host: str) -> None:
    assert not is_this_machine(host)
    with pytest.raises(ConfigError) as caught:
        load_serve_settings(host=host).key_text()
    assert "RVS_SERVE_KEY" in caught.value.hint
    assert load_serve_settings(host=host, key=KEY).key_text() == KEY


def test_no_address_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="RVS_SERVE_HOST"):
        load_serve_settings(host="")


def test_the_key_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"\ufeff{KEY}\n", encoding="utf-8")
    assert load_serve_settings(key_file=file, key="another-one-that-is-long").key_text() == KEY


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_serve_settings(key_file=tmp_path / "key").key_text()


@pytest.mark.parametrize(
    "key", ["short", "x" * 15, "with spaces in it, many", "with-ümlauts-in-it-many", "new\nline" * 4]
)
def test_a_key_that_is_none(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_serve_settings(key=key).key_text()
    assert key not in caught.value.message + caught.value.hint
    file = tmp_path / "key"
    file.write_text(key, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_serve_settings(key_file=file).key_text()


def test_an_empty_file_is_no_way_around_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("\n")
    with pytest.raises(ConfigError):
        load_serve_settings(host="0.0.0.0", key_file=file).key_text()  # noqa: S104


def test_the_key_is_never_printed() -> None:
    settings = load_serve_settings(key=KEY)
    assert KEY not in repr(settings)
    assert KEY not in str(settings.model_dump())


def test_a_value_that_makes_no_sense_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVS_SERVE_PORT", "eighty")
    with pytest.raises(ConfigError, match="RVS_SERVE_PORT") as caught:
        load_serve_settings()
    assert "eighty" not in caught.value.message


def test_a_variable_without_a_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVS_SERVE_KEY_FILE", "")
    monkeypatch.setenv("RVS_SERVE_KEY", "")
    assert load_serve_settings().key_text() is None


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVS_SERVE_PORT", "1234")
    assert (load_serve_settings(port=None).port, load_serve_settings(port=0).port) == (1234, 0)
