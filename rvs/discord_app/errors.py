"""The one place where an error becomes the line of text that a person reads, and a line in the log.

Whoever asks reads what happened and what helps; what only the owner can mend is said to the log.
"""

import logging

from discord import app_commands
from discord.ext import commands

from rvs.errors import (
    EngineError,
    EngineUnreachableError,
    GalleryError,
    LookalikeError,
    RebuildError,
    SearchUnavailableError,
    WeightsError,
)

_log = logging.getLogger("rvs.discord")

EXPIRED = "This answer has expired, or its photo is gone. Ask again with the photo."
NOT_ACCEPTED = "There is an answer, but Discord does not accept it here. Try it in another channel."
NO_PHOTO = (
    "Attach a photo, or reply to a message that has one. Without a photo I look at your avatar, if it is one."
)
NOT_YOURS = "Only the person who asked, or a moderator, can delete this answer."
RESTARTING = "I am being restarted. Ask again in a minute."
UNREADABLE = (
    "I cannot see the photo of that message. Right-click it, then Apps, Find lookalikes; or post the photo with "
    "your question."
)
_OWNERS = (GalleryError, WeightsError, RebuildError, EngineError)
_TOO_LONG = "This took too long. Try again in a minute."
_OURS = "Something is wrong on my side. The owner of this bot finds it in the log."
_UNEXPECTED = "Something unexpected happened. It is in the log; try again in a minute."


def line(error: BaseException) -> str:
    """What to tell the person who asked, in one line. In this order:

    1. what the index, weights, a rebuild or an engine elsewhere lack: the owner's business
    2. every other error of ours, and that such an engine cannot be reached: its sentence and hint
    3. time that ran out
    4. wrong use of a command, in discord.py's words
    5. anything else: that it happened
    """
    cause = root(error)
    match cause:
        case LookalikeError():
            owners = isinstance(cause, _OWNERS) and not isinstance(cause, EngineUnreachableError)
            return _OURS if owners else " ".join(filter(None, (cause.message, cause.hint)))
        case TimeoutError():
            return _TOO_LONG
        case app_commands.CheckFailure() | commands.CheckFailure():
            return "You may not do that here."
        case commands.UserInputError():
            return "I did not understand that. `/about` says how to ask."
        case _:
            return _UNEXPECTED


def root(error: BaseException) -> BaseException:
    """The error itself, without what discord.py wraps around it."""
    while isinstance(error, (commands.CommandInvokeError, app_commands.CommandInvokeError)):
        error = error.original
    return error


def log_error(error: BaseException, query_id: str) -> None:
    """One line for what was expected to go wrong, a traceback for what was not."""
    cause = root(error)
    if isinstance(cause, _OWNERS):
        _log.error("query=%s error=%s: %s %s", query_id, cause.code, cause.message, cause.hint)
    elif isinstance(cause, SearchUnavailableError):
        _log.error("query=%s error=%s: %s", query_id, cause.code, cause.why)
    elif isinstance(cause, LookalikeError):
        _log.info("query=%s refused=%s", query_id, cause.code)
    elif isinstance(cause, (TimeoutError, commands.CommandError, app_commands.AppCommandError)):
        _log.info("query=%s refused=%s", query_id, type(cause).__name__)
    else:
        _log.error("query=%s error=%s", query_id, type(cause).__name__, exc_info=cause)
