"""The one place where an error becomes an HTTP status and `{"error": {"code", "message", "hint"}}`.

The codes are those of docs/json.md. Who asks reads what they can mend; the rest is told to the log.
"""

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from rvs.errors import (
    BusyError,
    ConfigError,
    DeadlineError,
    GalleryError,
    LookalikeError,
    NotAnImageError,
    RebuildError,
    SearchUnavailableError,
    TooLargeError,
    UnsupportedError,
    WeightsError,
)

_log = logging.getLogger("rvs.web")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OURS = "Something is wrong on this side."
_OURS_HINT = "Who runs this service finds it in the log."


class UnauthorizedError(LookalikeError):
    """There is a key, and it was not sent."""

    code = "unauthorized"


class ForeignHostError(LookalikeError):
    """There is no key, and the service was asked under a name that is not this machine's."""

    code = "forbidden"


class SlowUploadError(DeadlineError):
    """The photo did not arrive in time."""

    code = "deadline.upload"


# The first that fits.
_STATUSES: tuple[tuple[type[LookalikeError], int], ...] = (
    (ConfigError, 400),
    (UnauthorizedError, 401),
    (ForeignHostError, 403),
    (SlowUploadError, 408),
    (TooLargeError, 413),
    (NotAnImageError, 415),
    (UnsupportedError, 415),
    (GalleryError, 500),
    (WeightsError, 500),
    (RebuildError, 500),
    (BusyError, 503),
    (SearchUnavailableError, 503),
    (DeadlineError, 504),
    (LookalikeError, 422),  # the photo, or the face in it
)
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def status_of(error: LookalikeError) -> int:
    """The HTTP status of an error."""
    return next(status for kind, status in _STATUSES if isinstance(error, kind))


def error_response(
    status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    """An error as it is sent."""
    document = {"error": {"code": code, "message": message, "hint": hint}}
    text = json.dumps(document, ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


def errors_as_json(expected_wait_s: Callable[[], float]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The middleware that answers in place of a handler that raised.

    Args:
        expected_wait_s: how long somebody who came now would wait.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except LookalikeError as error:
            return _response(error, expected_wait_s)
        except web.HTTPException as error:
            code = _HTTP_CODES.get(error.status, "http")
            allowed = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            return error_response(error.status, code, f"{error.reason}.", "See /v1/openapi.json.", allowed)
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("%s %s failed", request.method, request.match_info.route.name or "?")
            return error_response(500, "unexpected", _OURS, _OURS_HINT)

    return middleware


def log_error(error: BaseException, query_id: str) -> None:
    """One line for what was expected to go wrong; what was not gets its traceback where it is answered."""
    if isinstance(error, (GalleryError, WeightsError, RebuildError)):
        _log.error("query=%s error=%s: %s %s", query_id, error.code, error.message, error.hint)
    elif isinstance(error, SearchUnavailableError):
        _log.error("query=%s error=%s: %s", query_id, error.code, error.why)
    elif isinstance(error, LookalikeError):
        _log.info("query=%s refused=%s", query_id, error.code)
    else:
        _log.error("query=%s error=%s", query_id, type(error).__name__)


def _response(error: LookalikeError, expected_wait_s: Callable[[], float]) -> web.Response:
    headers = {}
    message, hint = error.message, error.hint
    match error:
        case BusyError():
            headers["Retry-After"] = str(max(1, math.ceil(expected_wait_s())))
        case UnauthorizedError():
            headers["WWW-Authenticate"] = "Bearer"
        case GalleryError() | WeightsError() | RebuildError():  # may name folders
            message, hint = _OURS, _OURS_HINT
    return error_response(status_of(error), error.code, message, hint, headers)
