"""How a build is started as a process of its own: its command line and its environment.

The child has the settings of its parent, whatever they came from; of its secrets only those of the servers that
search, to which it brings new versions.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

import rvs
from rvs.settings import Settings


def build_command(
    index: str,
    gallery: Path | None,
    *,
    face: Literal["centre", "largest"] | None = None,
    trees: int | None = None,
) -> list[str]:
    """The command that builds an index and tells how.

    Args:
        index: its name.
        gallery: the folder of photos; None for LFW, which is found.
        face: which face of a photo counts; None for the command's default.
        trees: of the forest; likewise.
    """
    command = [sys.executable, "-m", "rvs", "index", "build", "--index", index]
    command += ["--progress-json", "--until-stdin-closes"]
    if gallery is not None:
        command += ["--gallery", str(gallery)]
    if face is not None:
        command += ["--face", face]
    if trees is not None:
        command += ["--trees", str(trees)]
    return command


def build_environment(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a build with these settings: without Discord's token, which a build does not need.

    Args:
        settings: of the process that wants the build.
        inherited: its environment.
    """
    environment = {
        name: value for name, value in inherited.items() if not name.startswith(("RVS_", "DISCORD_"))
    }
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            environment[f"RVS_{name.upper()}"] = text
    # OpenCV prepends its folder, and empty entries with it: a child would load libraries from where it stands.
    libraries = environment.pop("LD_LIBRARY_PATH", "").split(os.pathsep)
    sound = [folder for folder in libraries if folder and "cv2" not in Path(folder).parts]
    if sound:
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(sound)
    root = Path(rvs.__file__).parents[1]
    if "site-packages" not in root.parts:
        # A clone that is not installed is found from wherever the bot was started.
        paths = [str(root), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment
