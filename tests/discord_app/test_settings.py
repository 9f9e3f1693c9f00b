"""The bot's settings: from the environment, with errors that name the variable and never show the token."""

from pathlib import Path

import pytest

from rvs.discord_app.settings import DiscordSettings, load_discord_settings
from rvs.errors import ConfigError


@pytest.fixture(autouse=True)
def no_token_of_the_developer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISCORD_TOKEN", "DISCORD_TOKEN_FILE", "TOKEN", "TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", " abc.def \n")
    assert load_discord_settings().token_text() == "abc.def"


def test_the_token_comes_from_a_dotenv_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKEN=abc.def\nRVS_DISCORD_PREFIX=?\nOTHER=1\n")
    settings = load_discord_settings()
    assert (settings.token_text(), settings.prefix) == ("abc.def", "?")


def test_the_token_comes_from_a_file_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from.file\n", encoding="utf-8-sig")
    monkeypatch.setenv("DISCORD_TOKEN", "from.environment")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(tmp_path / "secret"))
    assert load_discord_settings().token_text() == "from.file"


def test_the_token_of_another_program_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    monkeypatch.setenv("TOKEN", "theirs")
    monkeypatch.setenv("TOKEN_FILE", str(tmp_path / "theirs"))
    with pytest.raises(ConfigError, match=r"There is no Discord token\.") as caught:
        load_discord_settings().token_text()
    assert "DISCORD_TOKEN" in caught.value.hint


def test_empty_variables_are_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "abc.def")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", "")
    monkeypatch.setenv("RVS_DISCORD_PREFIX", "")
    settings = load_discord_settings()
    assert (settings.token_text(), settings.prefix) == ("abc.def", "!")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b" \n"])
def test_a_token_file_without_a_token_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(path))
    with pytest.raises(ConfigError):
        load_discord_settings().token_text()


def test_the_token_is_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "abc.def")
    settings = load_discord_settings()
    assert "abc.def" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_settings_given_by_name_win() -> None:
    settings = load_discord_settings(token="abc.def", photos=2)  # noqa: S106
    assert (settings.token_text(), settings.photos) == ("abc.def", 2)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RVS_DISCORD_PREFIX", "two words"),
        ("RVS_DISCORD_PERSON_SECONDS", "nan"),
        ("RVS_DISCORD_ANSWER_SECONDS", "900"),
        ("RVS_DISCORD_API", "discord.com"),
        ("RVS_DISCORD_API", "wss://discord.com/api"),
        ("RVS_DISCORD_API", "http://[broken"),
        ("RVS_DISCORD_GATEWAY", "https://gateway.example.com"),
        ("RVS_DISCORD_MEDIA", "https://cdn.example.com"),
        ("RVS_DISCORD_MEDIA", "[]"),
        ("RVS_DISCORD_MEDIA", "[1]"),
        ("RVS_DISCORD_MEDIA", '["ftp://cdn.example.com"]'),
        ("RVS_DISCORD_MEDIA", '["https://cdn.example.com/only/here"]'),
    ],
)
def test_nonsense_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_discord_settings()
    assert caught.value.message.startswith(f"The setting {variable} makes no sense: ")
    assert "Value error" not in caught.value.message
    assert caught.value.message.count(".") == 1 or "://" in caught.value.message


def test_an_api_address_has_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVS_DISCORD_API", "http://127.0.0.1:1/api/")
    assert load_discord_settings().api == "http://127.0.0.1:1/api"


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in DiscordSettings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(("given", "ids"), [("[1, 2]", (1, 2)), ("123", (123,)), ("", ()), ("[]", ())])
def test_the_ids_of_admins(monkeypatch: pytest.MonkeyPatch, given: str, ids: tuple[int, ...]) -> None:
    monkeypatch.setenv("RVS_DISCORD_ADMINS", given)
    monkeypatch.setenv("RVS_DISCORD_ADMIN_ROLES", given)
    settings = load_discord_settings()
    assert settings.admins == settings.admin_roles == ids


@pytest.mark.parametrize("given", ["alice", '["alice"]', "1,2"])
def test_admins_who_are_no_ids(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("RVS_DISCORD_ADMINS", given)
    with pytest.raises(ConfigError, match="RVS_DISCORD_ADMINS"):
        load_discord_settings()
