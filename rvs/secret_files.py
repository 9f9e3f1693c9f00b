"""A secret that is given as a setting, or as a file that holds it, such as a container's secret.

It never appears in an error. What a secret has to look like is for its setting to know.
"""

from pathlib import Path

from pydantic import SecretStr

from rvs.errors import ConfigError


def secret_text(value: SecretStr | None, file: Path | None, *, what: str, hint: str) -> str:
    """The secret, without spaces around it; "" when there is none.

    Args:
        value: the setting.
        file: the file, which comes first.
        what: "key", for the sentence.
        hint: for the error.

    Raises:
        ConfigError: the file cannot be read.
    """
    if file is None:
        return value.get_secret_value().strip() if value else ""
    try:
        return file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The {what}'s file {file} cannot be read.", hint=hint) from error
