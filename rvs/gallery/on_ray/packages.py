"""The packages of the extra `ray`: imported where they are needed, and named when they are missing."""

import importlib
from typing import Any

from rvs.errors import ConfigError


def needed(module: str) -> Any:
    """A module of Ray, pyarrow or fsspec.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"Building on Ray needs {module.partition('.')[0]}, which is not installed.",
            hint="Install the extra, on every machine of the cluster: pip install lookalike[ray].",
        ) from error
