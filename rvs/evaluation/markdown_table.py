"""Tables and sizes as the reports write them."""

from collections.abc import Iterable, Sequence


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; the first column is text, the others are mostly numbers."""
    rule = ["---", *["---:"] * (len(titles) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows)]


def megabytes(size_bytes: int) -> str:
    """A size for people."""
    return f"{size_bytes / 1e6:.1f} MB"


def percent(share: float, digits: int = 2) -> str:
    """A share of 0..1 for people."""
    return f"{100 * share:.{digits}f} %"
