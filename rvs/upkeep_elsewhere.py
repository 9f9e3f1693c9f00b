"""The index of an engine elsewhere: nothing can be done about it from here, and that is said.

It stands where `rvs.upkeep.Upkeep` stands when the engine is in this process.
"""

from typing import NoReturn

from rvs.errors import RebuildError
from rvs.index_job import Job
from rvs.upkeep import IndexStatus


class UpkeepElsewhere:
    """Refuses everything that `Upkeep` does."""

    job: None = None
    serving: str = ""

    async def status(self) -> IndexStatus:
        """Raises RebuildError."""
        _refuse()

    async def galleries(self) -> list[str]:
        """None that is known here."""
        return []

    async def versions(self) -> list[str]:
        """None that is known here."""
        return []

    async def rebuild(self, gallery: str | None = None) -> Job:  # noqa: ARG002
        """Raises RebuildError."""
        _refuse()

    async def cancel(self) -> bool:
        """False: nothing runs here."""
        return False

    async def activate(self, version: str) -> bool:  # noqa: ARG002
        """Raises RebuildError."""
        _refuse()

    async def roll_back(self) -> bool:
        """Raises RebuildError."""
        _refuse()


def _refuse() -> NoReturn:
    raise RebuildError(
        "The index is looked after where the engine runs.",
        hint="There: `rvs index build`, `activate` or `rollback`; the engine follows.",
    )
