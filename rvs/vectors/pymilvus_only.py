"""pymilvus, imported when it is first needed (1.5 s), and without what its import does besides.

That is to read the nearest .env into the environment, which is ours and not everybody's, and to set up logging
anew, which closes the handlers of the whole process.
"""

import logging
import logging.config
import os
import sys
import threading
from typing import Any

_IMPORTING = threading.Lock()


def pymilvus_only() -> Any:
    """The package."""
    with _IMPORTING:
        if "pymilvus" not in sys.modules:
            before, configure = set(os.environ), logging.config.dictConfig
            logging.config.dictConfig = _configure_nothing
            try:
                import pymilvus  # noqa: PLC0415
            finally:
                logging.config.dictConfig = configure
                for name in set(os.environ) - before:
                    del os.environ[name]
            # It logs a traceback for all that we handle.
            logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    import pymilvus.decorators  # noqa: PLC0415

    return pymilvus


def _configure_nothing(config: Any) -> None:
    """Stands in for `logging.config.dictConfig`."""
