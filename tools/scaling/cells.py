"""Tables in Markdown, and figures in units that people read: two digits, for more nobody can vouch."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; each row has as many cells as the head."""
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def marked(mark: bool, text: str) -> str:
    """Bold, if `mark`: it was measured."""
    return f"**{text}**" if mark else text


def two_digits(value: float) -> str:
    """A number with two digits that count."""
    return f"{float(f'{value:.2g}'):,.10g}"


def millions(faces: int) -> str:
    """A number of faces."""
    return f"{two_digits(faces / 1e6)} million"


def in_bytes(value: float) -> str:
    """An amount of memory or disk."""
    for unit in ("MiB", "GiB"):
        value /= 1024 if unit == "GiB" else 2**20
        if value < 1000 or unit == "GiB":
            break
    return f"{two_digits(value)} {unit}"


def duration(seconds: float) -> str:
    """A time, from seconds to days."""
    for unit, most in (("s", 120.0), ("min", 120.0), ("h", 48.0)):
        if seconds < most:
            return f"{two_digits(seconds)} {unit}"
        seconds /= 60 if unit != "h" else 24
    return f"{two_digits(seconds)} days"


def seconds_waited(value: float) -> str:
    """A time that somebody waits for an answer."""
    return f"{1000 * value:,.0f} ms" if value < 1 else f"{value:.1f} s"


def percent(value: float) -> str:
    """A share of 0..1."""
    return "none" if not value else f"{100 * value:.2g} %"
