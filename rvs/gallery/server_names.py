"""What an index and its versions are called on a server that searches: its alias, and the names of collections."""

import hashlib
import re
import secrets
from pathlib import Path


def alias_of(index: str) -> str:
    """The alias that names the collection in use of an index: `rvs_lfw_...`."""
    return f"rvs_{_plain(index)[:24]}_{hashlib.sha256(index.encode()).hexdigest()[:8]}"


def new_name(version: Path) -> str:
    """A name for a collection that none has had: several machines may bring the same version to one server."""
    index, name = version.parent.name, version.name
    return f"rvs_{_plain(index)[:12]}_{_plain(name)[:30]}_{secrets.token_hex(4)}"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name)
