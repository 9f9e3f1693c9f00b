"""What can be set about `rvs serve`: `RVS_SERVE_*`. The engine behind it has the settings of every service."""

import ipaddress
import re

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from rvs.errors import ConfigError
from rvs.secret_files import secret_text
from rvs.settings import FolderPath, load

_KEY_HINT = (
    "Set RVS_SERVE_KEY, or RVS_SERVE_KEY_FILE to a file that holds it: `openssl rand -hex 32` makes one."
)
# What may stand behind "Bearer" (RFC 6750), and long enough not to be guessed.
_KEY = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*", re.ASCII)


class ServeSettings(BaseSettings):
    """What can be set about `rvs serve`. Each field is the variable of its name after `RVS_SERVE_`."""

    model_config = SettingsConfigDict(
        env_prefix="RVS_SERVE_",
        env_file=".env",
        env_ignore_empty=True,  # `RVS_SERVE_KEY_FILE=`, as templates have it, names no file
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    host: str = Field(
        "127.0.0.1",
        min_length=1,  # an empty one would mean every address of the machine
        description="The address to listen on; without a key only one of this machine itself.",
    )
    port: int = Field(8080, ge=0, le=65535, description="The port; 0: any that is free.")
    key: SecretStr | None = Field(
        None, description="Who asks has to send it as `Authorization: Bearer KEY`. It is never logged."
    )
    key_file: FolderPath | None = Field(
        None, description="A file that holds the key, such as a container's secret."
    )
    upload_seconds: float = Field(20, gt=0, le=600, description="Longest time a photo may take to arrive.")
    upload_bytes: int = Field(
        268_435_456,
        ge=1_000_000,
        description="Most bytes of photos in memory, also of those still arriving; then it is busy.",
    )
    answer_seconds: float = Field(
        30, gt=0, le=600, description="Longest time from the whole photo to its answer, waiting included."
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        le=600,
        description="How long a stopped service goes on while /readyz says no: until a proxy has noticed.",
    )
    shutdown_seconds: float = Field(
        10, gt=0, le=600, description="How long open questions may take when the service is stopped."
    )

    def key_text(self) -> str | None:
        """The key itself; None when there is none.

        Raises:
            ConfigError: its file cannot be read, or it is too short or of other characters than a header takes;
                or there is none although others than this machine could ask.
        """
        text = secret_text(self.key, self.key_file, what="key", hint=_KEY_HINT)
        # An empty file is a mistake; an empty setting, as templates have it, is none.
        if not text and self.key_file is None:
            self._need_no_key()
            return None
        if not _KEY.fullmatch(text):
            raise ConfigError(
                "The key has to be at least 16 letters, digits and ._~+/- long.", hint=_KEY_HINT
            )
        return text

    def _need_no_key(self) -> None:
        if not is_this_machine(self.host):
            raise ConfigError(
                f"Without a key, anybody who reaches {self.host} could ask.",
                hint=f"{_KEY_HINT} Or leave RVS_SERVE_HOST at 127.0.0.1.",
            )


def is_this_machine(host: str) -> bool:
    """Whether only this machine reaches an address. A name is not looked up: only `localhost` is known."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_serve_settings(**overrides: object) -> ServeSettings:
    """Settings from the environment and `.env`, with overrides (None: not given) from the command line.

    Raises:
        ConfigError: a value makes no sense; the sentence names the variable.
    """
    return load(ServeSettings, overrides)
