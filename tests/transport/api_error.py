"""The errors Discord answers with: an HTTP status, a number of its own, and for bad forms where they are bad."""

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """What a route raises; the server turns it into Discord's JSON."""

    def __init__(self, status: int, code: int, message: str, *, errors: Json | None = None) -> None:
        super().__init__(f"{status}/{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> Json:
        """The JSON that is sent."""
        body: Json = {"message": self.message, "code": self.code}
        return body | {"errors": self.errors} if self.errors else body


def invalid_form(field: str, kind: str, message: str) -> ApiError:
    """400/50035; `field` may be a path such as `components.0.items`, as Discord nests it."""
    errors: Json = {"_errors": [{"code": kind, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return ApiError(400, 50035, "Invalid Form Body", errors=errors)


def unknown(what: str) -> ApiError:
    """404 with Discord's number for the kind of thing."""
    codes = {
        "Channel": 10003,
        "Message": 10008,
        "Member": 10007,
        "User": 10013,
        "Webhook": 10015,
        "Interaction": 10062,
    }
    return ApiError(404, codes[what], f"Unknown {what}")


def unknown_interaction() -> ApiError:
    """404/10062: never heard of it, or answered too late."""
    return ApiError(404, 10062, "Unknown interaction")


def missing_permissions() -> ApiError:
    """403/50013: the bot may be here, but not do this."""
    return ApiError(403, 50013, "Missing Permissions")


def missing_access() -> ApiError:
    """403/50001: the bot does not even see this."""
    return ApiError(403, 50001, "Missing Access")
