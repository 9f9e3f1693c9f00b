"""What can be set about an engine elsewhere: `RVS_ENGINE_*`. Without a URL the engine is in this process."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rvs.errors import ConfigError
from rvs.secret_files import secret_text
from rvs.settings import FolderPath, load

_KEY_HINT = "It has to be the RVS_SERVE_KEY of the engine."


class EngineSettings(BaseSettings):
    """What can be set about an engine elsewhere. Each field is the variable of its name after `RVS_ENGINE_`."""

    model_config = SettingsConfigDict(
        env_prefix="RVS_ENGINE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    url: str = Field(
        "",
        description="Where `rvs serve` answers for the bot; several with commas; empty: in the bot itself.",
    )
    key: SecretStr | None = Field(None, description="The key of that engine. It is never logged.")
    key_file: FolderPath | None = Field(None, description="A file that holds the key.")
    seconds: float = Field(
        20, gt=0, le=600, description="Longest time one try may take; there are two at the most."
    )
    poll_seconds: float = Field(
        5, gt=0, le=3600, description="How often to look whether the engine is ready."
    )

    @field_validator("url")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for one in _split(value):
            parts = urlsplit(one)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
                raise ValueError("it has to be an address such as http://engine:8080, or several with commas")
            if parts.username or parts.password:
                raise ValueError("a password does not belong into it")
        return value

    @property
    def urls(self) -> tuple[str, ...]:
        """Every address, without a "/" at its end; none when the engine is in this process."""
        return _split(self.url)

    def key_text(self) -> str | None:
        """The key itself; None when there is none.

        Raises:
            ConfigError: its file cannot be read, or what it holds fits into no header.
        """
        text = secret_text(self.key, self.key_file, what="key", hint=_KEY_HINT)
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigError("The key of the engine has characters that no key has.", hint=_KEY_HINT)
        return text or None


def load_engine_settings(**overrides: object) -> EngineSettings:
    """The settings from the environment and `.env`.

    Raises:
        ConfigError: a value makes no sense; the sentence names the variable.
    """
    return load(EngineSettings, overrides)


def _split(value: str) -> tuple[str, ...]:
    return tuple(one.strip().rstrip("/") for one in value.split(",") if one.strip())
