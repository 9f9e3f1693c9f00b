"""The Discord bot's entry: settings, logging, run, exit code. `make run` starts it."""

import asyncio
import logging
import os
import sys

from rvs.discord_app.run import exit_code, run
from rvs.discord_app.settings import load_discord_settings
from rvs.errors import LookalikeError
from rvs.logs import WithoutTraceback, configure_logging
from rvs.remote.settings import load_engine_settings
from rvs.settings import load_settings


def main() -> int:
    """Run the bot until it is told to stop; the exit codes are those of `rvs.discord_app.run`."""
    # The event loop waits this long, not 5 ms, for a thread that computes in Python.
    sys.setswitchinterval(0.001)
    configure_logging("auto", sys.stderr)  # for what is said before the settings are known
    logging.getLogger("discord").setLevel(logging.WARNING)
    logging.getLogger("discord.client").addFilter(WithoutTraceback())
    logging.getLogger("discord.ext.commands.bot").setLevel(
        logging.ERROR
    )  # we say ourselves what is not allowed
    try:
        settings = load_settings()
        configure_logging(settings.logs, sys.stderr)
        asyncio.run(run(settings, load_discord_settings(), load_engine_settings()))
    except LookalikeError as error:
        return _failed(error)
    except Exception:
        logging.getLogger("rvs").exception("the bot ended unexpectedly")
        return 1
    return 0


def _failed(error: LookalikeError) -> int:
    """One sentence for a person, no traceback."""
    logging.getLogger("rvs").error("%s", " ".join(filter(None, (error.message, error.hint))))
    return exit_code(error)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # not sys.exit, which waits for threads: one may compute a photo nobody wants any more
