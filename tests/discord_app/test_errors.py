"""Every error becomes one line that helps, and the log tells the expected from the unexpected."""

import logging

import pytest
from discord import app_commands
from discord.ext import commands

from rvs import errors
from rvs.discord_app.errors import line, log_error, root

OURS = "Something is wrong on my side. The owner of this bot finds it in the log."
UNEXPECTED = "Something unexpected happened. It is in the log; try again in a minute."


def _every_error_of_ours() -> list[type[errors.LookalikeError]]:
    found, left = [], [errors.LookalikeError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == "rvs.errors"]


@pytest.mark.parametrize("kind", _every_error_of_ours(), ids=lambda kind: kind.__name__)
def test_each_error_of_ours_is_one_line(kind: type[errors.LookalikeError]) -> None:
    theirs = (errors.GalleryError, errors.WeightsError, errors.RebuildError, errors.EngineError)
    owners = issubclass(kind, theirs) and kind is not errors.EngineUnreachableError
    expected = OURS if owners else "It is so. Do that."
    assert line(kind("It is so.", hint="Do that.")) == expected


def test_without_a_hint_there_is_no_space_at_the_end() -> None:
    assert line(errors.NoFaceError("No face.")) == "No face."


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), "This took too long. Try again in a minute."),
        (app_commands.CheckFailure(), "You may not do that here."),
        (commands.NotOwner(), "You may not do that here."),
        (commands.BadArgument("x"), "I did not understand that. `/about` says how to ask."),
        (commands.UnexpectedQuoteError('"'), "I did not understand that. `/about` says how to ask."),
        (RuntimeError("secret"), UNEXPECTED),
        (KeyError("secret"), UNEXPECTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_errors_of_others_become_a_line_that_tells_nothing_of_the_inside(
    error: Exception, expected: str
) -> None:
    assert line(error) == expected


def test_what_discord_py_wraps_is_unwrapped() -> None:
    inner = errors.NoFaceError("No face.")
    wrapped = commands.CommandInvokeError(commands.CommandInvokeError(inner))
    assert root(wrapped) is inner
    assert line(wrapped) == "No face."


def test_an_expected_error_is_one_line_without_what_the_person_reads(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    log_error(errors.ConsentError("<@1> has not agreed."), "abc")
    (record,) = caplog.records
    assert record.getMessage() == "query=abc refused=consent"
    assert record.levelno == logging.INFO
    assert not record.exc_info


def test_what_the_owner_has_to_mend_is_an_error_with_its_hint(caplog: pytest.LogCaptureFixture) -> None:
    log_error(errors.GalleryMissingError("There is no index.", hint="Build it."), "abc")
    (record,) = caplog.records
    assert record.getMessage() == "query=abc error=gallery.missing: There is no index. Build it."
    assert record.levelno == logging.ERROR


def test_why_there_is_no_search_is_told_to_the_log_and_not_to_the_person(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = errors.SearchUnavailableError(why="Milvus at 10.0.0.7:19530: deadline exceeded.")
    assert line(error) == "Search is not available right now. Try again in a minute."
    log_error(error, "abc")
    (record,) = caplog.records
    assert record.getMessage() == "query=abc error=search: Milvus at 10.0.0.7:19530: deadline exceeded."
    assert record.levelno == logging.ERROR


def test_the_unexpected_has_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    log_error(commands.CommandInvokeError(RuntimeError("bad luck")), "abc")
    (record,) = caplog.records
    assert record.getMessage() == "query=abc error=RuntimeError"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


@pytest.mark.parametrize("error", [TimeoutError(), commands.NotOwner(), app_commands.CheckFailure()])
def test_time_limits_and_refusals_have_none(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_error(error, "abc")
    (record,) = caplog.records
    assert record.getMessage() == f"query=abc refused={type(error).__name__}"
    assert not record.exc_info
