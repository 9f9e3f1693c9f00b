"""`docs/scaling.md`: its tables stand between marks and are replaced as a whole.

The sentences around them are written by hand and hold no figure that a table has.
"""

import re
from pathlib import Path
from typing import Any

from tools.scaling.gallery_tables import gallery_tables
from tools.scaling.measured import Measured
from tools.scaling.traffic_tables import traffic_tables

DOCUMENT = Path(__file__).parents[2] / "docs" / "scaling.md"
FIGURES = DOCUMENT.with_suffix(".json")


def all_tables(found: dict[str, Any], measured: Measured) -> dict[str, str]:
    """Every table by its name."""
    return gallery_tables(measured) | traffic_tables(found, measured)


def written(text: str, found: dict[str, Any], measured: Measured) -> str:
    """The document with every table made anew.

    Raises:
        KeyError: it has a mark for a table that there is not.
    """
    tables = all_tables(found, measured)

    def replaced(match: re.Match[str]) -> str:
        return f"<!-- {match[1]} -->\n{tables[match[1]]}\n<!-- /{match[1]} -->"

    return re.sub(r"<!-- ([a-z-]+) -->\n.*?<!-- /\1 -->", replaced, text, flags=re.DOTALL)
