"""What an error becomes over HTTP, where no request in the other tests leads to it."""

import logging

import pytest

from rvs.errors import BusyError, PoorPhotoError, SearchMissingError, SearchUnavailableError
from rvs.web.errors import log_error, status_of


def test_a_search_that_is_away_is_no_fault_of_the_photo() -> None:
    assert status_of(SearchUnavailableError()) == status_of(SearchMissingError()) == 503
    assert status_of(BusyError("later")) == 503
    assert status_of(PoorPhotoError("blurred")) == 422


def test_why_the_search_is_away_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rvs.web"):
        log_error(SearchUnavailableError(why="connection refused"), "cafe")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "connection refused" in record.getMessage()
