"""Networks are converted in a process of their own, where a service would be left with what that needs.

TensorFlow makes the conversion, once. In the service itself it would stay in memory, three times what serving takes,
and while it is imported nothing else would move.
"""

import logging
import os
import subprocess
import sys

from rvs.build_command import build_environment
from rvs.engine import unconverted_networks
from rvs.settings import Settings

_log = logging.getLogger(__name__)

_CONVERT = """
from rvs.engine import load_settings_pipeline
from rvs.settings import load_settings
load_settings_pipeline(load_settings())
"""


def convert_apart(settings: Settings) -> None:
    """Convert the networks that the settings need, where that has not been done. Takes some 20 seconds, once.

    Nothing is raised when it fails: loading the networks afterwards does it again, and says what is wrong.

    Raises:
        WeightsError: weights are missing or damaged.
        ConfigError: a setting makes no sense.
    """
    missing = unconverted_networks(settings)
    if not missing:
        return
    _log.info("converting %s for OpenVINO, once (about 10 seconds each)", " and ".join(missing))
    done = subprocess.run(
        [sys.executable, "-c", _CONVERT],
        env=build_environment(settings, os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        _log.warning("the conversion ended with %d; it is tried again here", done.returncode)
