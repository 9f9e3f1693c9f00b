"""Every error that `rvs` raises on purpose, in one tree.

Each carries three texts: the message (one sentence for the person who asked), a hint (what to do about
it) and, through `raise ... from`, the cause for the log. `code` is a stable name for programs (`--json`).

    LookalikeError
    ├── PhotoError               the bytes that were sent are not a photo we can use
    │   ├── EmptyPhotoError          no bytes, or a picture without pixels
    │   ├── TooLargeError            more bytes than the limit
    │   ├── TooManyPixelsError       more pixels than the limit
    │   ├── NotAnImageError          text, SVG, video, PDF, noise
    │   ├── UnsupportedError         a picture, but of a kind that is not read here
    │   ├── TruncatedError           a picture that ends early or is damaged
    │   └── DownloadError            it could not be fetched from where it was posted
    ├── NoFaceError              a photo without a face
    ├── PoorPhotoError           a face that is too small, blurred, dark or turned away to be compared
    ├── GalleryError             the gallery or its index
    │   ├── GalleryMissingError      not there
    │   ├── GalleryCorruptError      there, but damaged or not ours
    │   └── GalleryMismatchError     made by another pipeline than the one in use
    ├── BusyError                too much to do right now, or not ready yet
    │   ├── CooldownError            this person or channel has asked often enough for now
    │   └── AlreadyAskingError       this person's last question is not answered yet
    ├── SearchUnavailableError   the server that searches does not answer
    │   └── SearchMissingError       it answers, but lacks what it should have
    ├── ConsentError             a person who has not agreed to be searched by their avatar
    ├── DeadlineError            it took too long
    ├── EngineError              an engine elsewhere refuses us, or is not understood
    │   └── EngineUnreachableError   it cannot be reached
    ├── EngineError              the engine elsewhere refuses us, or is not understood
    │   └── EngineUnreachableError   it cannot be reached
    ├── RebuildError
    │   ├── RebuildRunningError      another build holds the lock
    │   ├── RebuildCancelledError    somebody ended it
    │   └── RebuildFailedError       the new version did not pass its checks
    ├── WeightsError             weights of a network missing or not the ones expected
    └── ConfigError              a setting or an argument that makes no sense
"""

from typing import ClassVar


class LookalikeError(Exception):
    """The root: `message` is for the person, `hint` says what to do, `code` is for programs."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PhotoError(LookalikeError):
    """The bytes that were sent are not a photo we can use."""

    code = "photo"


class EmptyPhotoError(PhotoError):
    """No bytes, or a picture without pixels."""

    code = "photo.empty"


class TooLargeError(PhotoError):
    """More bytes than the limit."""

    code = "photo.too_large"


class TooManyPixelsError(PhotoError):
    """More pixels than the limit."""

    code = "photo.too_many_pixels"


class NotAnImageError(PhotoError):
    """Text, SVG, video, PDF or noise: not a picture made of pixels."""

    code = "photo.not_an_image"


class UnsupportedError(PhotoError):
    """A picture, but of a kind that is not read here."""

    code = "photo.unsupported"


class TruncatedError(PhotoError):
    """A picture that ends early or is damaged inside."""

    code = "photo.truncated"


class DownloadError(PhotoError):
    """The photo could not be fetched from where it was posted."""

    code = "photo.download"


class NoFaceError(LookalikeError):
    """A photo in which no face was found."""

    code = "no_face"


class PoorPhotoError(LookalikeError):
    """A face that is too small, blurred, dark or turned away to be compared."""

    code = "poor_photo"


class GalleryError(LookalikeError):
    """Something is wrong with the gallery or its index."""

    code = "gallery"


class GalleryMissingError(GalleryError):
    """The gallery or index is not there."""

    code = "gallery.missing"


class GalleryCorruptError(GalleryError):
    """The index is there, but damaged or not one of ours."""

    code = "gallery.corrupt"


class GalleryMismatchError(GalleryError):
    """The index was made by another pipeline than the one in use."""

    code = "gallery.mismatch"


class BusyError(LookalikeError):
    """There is more to do right now than the limits allow, or the engine is not ready yet."""

    code = "busy"


class CooldownError(BusyError):
    """This person or this channel has asked often enough for now."""

    code = "busy.cooldown"


class AlreadyAskingError(BusyError):
    """This person's last question is not answered yet."""

    code = "busy.asking"


class SearchUnavailableError(LookalikeError):
    """The server that searches cannot be reached, is too slow or refuses.

    `why` is for whoever looks after it; it may name machines.
    """

    code = "search"

    def __init__(
        self,
        message: str = "Search is not available right now.",
        *,
        hint: str = "Try again in a minute.",
        why: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.why = why

    def __str__(self) -> str:
        return f"{self.message} {self.why}".rstrip()


class SearchMissingError(SearchUnavailableError):
    """The server that searches answers, but has no such collection, or not all of it."""

    code = "search.missing"


class ConsentError(LookalikeError):
    """A person has not agreed to be searched by their avatar."""

    code = "consent"


class DeadlineError(LookalikeError):
    """The work took longer than its deadline."""

    code = "deadline"


class EngineError(LookalikeError):
    """The engine elsewhere refuses our key, or its answer is not understood."""

    code = "engine"


class EngineUnreachableError(EngineError):
    """The engine elsewhere cannot be reached right now."""

    code = "engine.unreachable"


class RebuildError(LookalikeError):
    """An index could not be built."""

    code = "rebuild"


class RebuildRunningError(RebuildError):
    """Another build of the same gallery is running."""

    code = "rebuild.running"


class RebuildCancelledError(RebuildError):
    """Somebody ended the build; the old version stays."""

    code = "rebuild.cancelled"


class RebuildFailedError(RebuildError):
    """The new version did not pass its checks; the old one stays.

    `last_lines` is what a build in a process of its own wrote last; it may name folders.
    """

    code = "rebuild.failed"

    def __init__(self, message: str, *, hint: str = "", last_lines: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.last_lines = last_lines


class WeightsError(LookalikeError):
    """The weights of a network are missing, or are not the ones expected."""

    code = "weights"


class ConfigError(LookalikeError):
    """A setting or an argument that makes no sense."""

    code = "config"
