"""A JSON document that carries a hash of itself, so that a changed bit anywhere in it is noticed."""

import hashlib
import json
from typing import Any

_SEAL = "seal"


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its seal as the last key."""
    return document | {_SEAL: _hash(document)}


def check_seal(document: dict[str, Any]) -> None:
    """Refuse a document that is not as it was sealed; one that has no seal is as good as any.

    Raises:
        ValueError: something in it was changed.
    """
    if document.get(_SEAL, _hash(document)) != _hash(document):
        raise ValueError("the seal is broken")


def _hash(document: dict[str, Any]) -> str:
    content = {key: value for key, value in document.items() if key != _SEAL}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
