"""Writes `.env.example`: every setting with its description and default, commented out; the token first.

`python -m tools.env_example`. A test fails when the file is not what this writes, so nobody edits it by hand.
"""

import json
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from rvs.discord_app.settings import DiscordSettings
from rvs.remote.settings import EngineSettings
from rvs.settings import Settings, variable
from rvs.web.settings import ServeSettings

EXAMPLE = Path(__file__).parent.parent / ".env.example"

_HEAD = """\
# Copy this file to .env and fill in the token. Everything else has a sane default: take the # away from a line to
# change it. The values shown are the defaults; nothing behind the = means that there is none.
#
# Made by `python -m tools.env_example`; change the descriptions in the settings, not here.
"""
# Defaults that depend on the machine.
_FOLDERS = {
    "index_dir": "index/ of the clone, else index/ in the data folder",
    "cache_dir": "the user's cache folder",
    "data_dir": "the user's data folder",
}
_REQUIRED = "token"


def example() -> str:
    """The text of the file."""
    token = DiscordSettings.model_fields[_REQUIRED]
    token_lines = [f"# {token.description}", f"{variable(DiscordSettings, _REQUIRED)}=", ""]
    return "\n".join(
        [
            _HEAD,
            *token_lines,
            "# ---- the bot ----",
            "",
            *_lines(DiscordSettings),
            "# ---- the engine and the service around it ----",
            "",
            *_lines(Settings),
            "# ---- the engine over HTTP: rvs serve ----",
            "",
            *_lines(ServeSettings),
            "# ---- the bot with an engine elsewhere ----",
            "",
            *_lines(EngineSettings),
        ]
    )


def _lines(settings: type[BaseSettings]) -> list[str]:
    lines: list[str] = []
    for name, field in settings.model_fields.items():
        if name == _REQUIRED:
            continue
        lines += [f"# {field.description}"]
        if name in _FOLDERS:
            lines += [f"# (By default {_FOLDERS[name]}.)"]
        lines += [f"# {variable(settings, name)}={_default(field)}", ""]
    return lines


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or field.default_factory is not None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value)


def main() -> None:
    """Write the file."""
    EXAMPLE.write_text(example(), encoding="utf-8")
    print(f"Wrote {EXAMPLE.name}.")


if __name__ == "__main__":
    main()
