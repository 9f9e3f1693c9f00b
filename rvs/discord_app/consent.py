"""Who has agreed that others may search by their avatar: a list of ids in one small file, and nothing else.

Memory never gets ahead of the disk: what `has_agreed` says would also be said after a restart. It knows
neither names nor photos, and not what is done with the answer.
"""

import contextlib
import json
import threading
from pathlib import Path

from rvs.errors import ConfigError
from rvs.whole_files import remove_stale_parts, write_whole

_FORMAT = 1
_HINT = "Put a good copy in its place, or remove it: then nobody has agreed, and people can agree again."


class Consents:
    """Who has agreed. Safe in threads; one process at a time, and changes by hand count from the next start.

    Raises:
        ConfigError: the file is there, but cannot be read or is damaged. It is never taken for an empty one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        # What a killed process left half-written may name people who have withdrawn since.
        remove_stale_parts(path.parent)
        self._agreed = _read(path)

    def has_agreed(self, person_id: int) -> bool:
        """Whether this person has agreed; never waits for the disk."""
        return person_id in self._agreed

    def agree(self, person_id: int) -> None:
        """Remember that this person has agreed.

        Raises:
            OSError: the file cannot be written; nothing has changed.
        """
        with self._lock:
            if person_id not in self._agreed:
                self._replace(self._agreed | {person_id})

    def withdraw(self, person_id: int) -> bool:
        """Forget this person, so that nothing of them remains; True if they had agreed.

        Raises:
            OSError: the file cannot be written; nothing has changed.
        """
        with self._lock:
            if person_id not in self._agreed:
                return False
            self._replace(self._agreed - {person_id})
            return True

    def _replace(self, agreed: frozenset[int]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": _FORMAT, "agreed": sorted(agreed)}, indent=1)
        write_whole(self._path, text.encode() + b"\n")
        # A new set, never a changed one: `has_agreed` reads without the lock.
        self._agreed = agreed
        # The ids are nobody else's business; some file systems know no permissions, and that is no reason
        # to lose a withdrawal.
        with contextlib.suppress(OSError):
            self._path.chmod(0o600)


def _read(path: Path) -> frozenset[int]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise ConfigError(f"The list of consents {path} cannot be read: {reason}.", hint=_HINT) from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or JSON nested without end
        raise ConfigError(f"The list of consents {path} is damaged.", hint=_HINT) from error
    agreed = (
        document.get("agreed") if isinstance(document, dict) and document.get("format") == _FORMAT else None
    )
    if not isinstance(agreed, list) or not all(type(one) is int and one > 0 for one in agreed):
        raise ConfigError(f"The list of consents {path} is damaged, or of another version.", hint=_HINT)
    return frozenset(agreed)
