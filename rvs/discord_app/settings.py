"""What can be set about the bot: `RVS_DISCORD_*`, and the token as `DISCORD_TOKEN` or in a file."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rvs.errors import ConfigError
from rvs.secret_files import secret_text
from rvs.settings import FolderPath, load

_TOKEN_HINT = "Put DISCORD_TOKEN=... into .env (see .env.example), or its file's path as DISCORD_TOKEN_FILE."  # noqa: S105


def _not_alone(value: object) -> object:
    """One id needs no list."""
    return (value,) if isinstance(value, int) else value


Ids = Annotated[tuple[int, ...], BeforeValidator(_not_alone)]
"""Ids of people or roles."""


class DiscordSettings(BaseSettings):
    """What can be set about the bot. Each field is the variable of its name in capitals after `RVS_DISCORD_`."""

    model_config = SettingsConfigDict(
        env_prefix="RVS_DISCORD_",
        env_file=".env",
        env_ignore_empty=True,  # `DISCORD_TOKEN_FILE=`, as templates have it, names no file
        validate_by_name=True,  # not an alias: the variable TOKEN, of whatever program, is not ours
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    token: SecretStr | None = Field(
        None,
        validation_alias="DISCORD_TOKEN",
        description="The bot's token, from the developer portal. It is never logged.",
    )
    token_file: FolderPath | None = Field(
        None,
        validation_alias="DISCORD_TOKEN_FILE",
        description="A file that holds the token, such as a container's secret.",
    )
    prefix: str = Field(
        "!",
        min_length=1,
        max_length=5,
        pattern=r"^\S+$",
        description="What stands before `lookalike` in a message.",
    )
    message_content: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether to read messages that do not mention the bot; auto: if the portal allows it.",
    )
    sharded: bool = Field(False, description="Connect in shards; needed from about 2,000 servers.")
    admins: Ids = Field(
        (), description="Ids of people who may look after the index, like the bot's owner (JSON list)."
    )
    admin_roles: Ids = Field((), description="Ids of roles whose members may, likewise (JSON list).")
    photos: int = Field(
        4, ge=1, le=10, description="Photos of one message that are answered; a post has up to 10."
    )
    person_asks: int = Field(
        6, ge=1, description="Questions one person may ask within RVS_DISCORD_PERSON_SECONDS."
    )
    person_seconds: float = Field(60, gt=0, description="See RVS_DISCORD_PERSON_ASKS.")
    channel_asks: int = Field(
        60, ge=1, description="Questions of a channel within RVS_DISCORD_CHANNEL_SECONDS."
    )
    channel_seconds: float = Field(60, gt=0, description="See RVS_DISCORD_CHANNEL_ASKS.")
    download_seconds: float = Field(
        15, gt=0, description="Longest time a photo may take to arrive from Discord."
    )
    answer_seconds: float = Field(
        90,
        gt=0,
        le=840,
        description="Longest time from question to answer; Discord forgets a question after 900.",
    )
    reply_seconds: float = Field(20, gt=0, description="Longest time the sending of a reply may take.")
    shutdown_seconds: float = Field(
        10, gt=0, description="How long open questions may take when the bot is stopped; containers wait 10."
    )
    connect_tries: int = Field(
        8, ge=1, description="Tries to reach Discord, in a row, before giving up; about two minutes."
    )
    api: str = Field(
        "https://discord.com/api/v10", description="Where Discord's API is: for a proxy, or a test."
    )
    gateway: str = Field("wss://gateway.discord.gg/", description="Where Discord's gateway is: likewise.")
    media: tuple[str, ...] = Field(
        ("https://cdn.discordapp.com", "https://media.discordapp.net"),
        min_length=1,
        description="The only origins that photos are fetched from (JSON list).",
    )

    @field_validator("api")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        if not _is_address(value, {"http", "https"}):
            raise ValueError("it has to be an address such as https://example.com/api/v10")
        return value.rstrip("/")

    @field_validator("gateway")
    @classmethod
    def _is_socket_address(cls, value: str) -> str:
        if not _is_address(value, {"ws", "wss"}):
            raise ValueError("it has to be an address such as wss://gateway.example.com/")
        return value

    @field_validator("media")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_is_address(one, {"http", "https"}) and urlsplit(one).path in {"", "/"} for one in value):
            raise ValueError("it has to be a list of origins such as https://cdn.example.com")
        return value

    def token_text(self) -> str:
        """The token itself.

        Raises:
            ConfigError: there is none, or its file cannot be read.
        """
        text = secret_text(self.token, self.token_file, what="token", hint=_TOKEN_HINT)
        if not text:
            raise ConfigError("There is no Discord token.", hint=_TOKEN_HINT)
        return text


def load_discord_settings(**overrides: object) -> DiscordSettings:
    """The settings from the environment and `.env`.

    Raises:
        ConfigError: a value makes no sense; the sentence names the variable.
    """
    return load(DiscordSettings, overrides)


def _is_address(value: str, schemes: set[str]) -> bool:
    parts = urlsplit(value)
    return parts.scheme in schemes and bool(parts.hostname)
