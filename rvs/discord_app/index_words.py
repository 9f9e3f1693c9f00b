"""What admins read about the index: status, progress, results, failures. Words and layout, no waiting.

Where folders lie on the machine is nobody's business in a chat: of a path only its end is told.
"""

import re
from collections.abc import Sequence

import discord
from discord import ui

from rvs.discord_app.delivery import Outgoing
from rvs.errors import LookalikeError, RebuildFailedError
from rvs.gallery.version import Manifest
from rvs.index_job import Done
from rvs.rebuild import BuildProgress
from rvs.upkeep import IndexStatus

CANCEL = "look:index:cancel"
"""The `custom_id` of the button under a build's progress."""

NOT_ALLOWED = (
    "Only those who look after this bot may do that. Its owner can add people and roles with RVS_DISCORD_ADMINS and "
    "RVS_DISCORD_ADMIN_ROLES."
)
NOTHING_RUNS = "This build is no longer running. `/index status` says how the index is."
CANCELLING = "The build is being cancelled."
_OLD_STAYS = "The version that answered before goes on answering."

_STAGES = {
    "hash": "reading the photos",
    "embed": "embedding",
    "index": "growing the forest",
    "verify": "verifying",
    "publish": "filling the server that searches",
}
_BAR_CELLS = 20
_MISSES_SHOWN = 5
_MOST_CHARACTERS = 1800  # of the last lines; a message has room for 4,000
_PATH = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?(?:[/\\][^/\\\s'\":]+)*[/\\](?=[^/\\\s'\":]+)")


def progress_message(index: str, progress: BuildProgress | None) -> Outgoing:
    """How far a build is, with the button that ends it."""
    words = f"### Building {_safe(index)}\n{progress_words(progress)}"
    button: ui.Button[ui.LayoutView] = ui.Button(
        label="Cancel", custom_id=CANCEL, style=discord.ButtonStyle.danger
    )
    return _message(words, button)


def progress_words(progress: BuildProgress | None) -> str:
    """A bar, the stage, photos per second, and how much longer this stage takes."""
    if progress is None:
        return "Starting."
    share = progress.done / progress.total if progress.total else 0.0
    cells = int(share * _BAR_CELLS)
    parts = [f"{_STAGES.get(progress.stage, progress.stage)}: {share:.0%}"]
    if progress.total > 1:
        parts.append(f"{progress.done:,} of {progress.total:,}")
    if progress.per_second:
        parts.append(f"{progress.per_second:,.0f}/s")
    if progress.eta_s:
        parts.append(f"about {duration(progress.eta_s)} left")
    return f"`{'█' * cells}{'░' * (_BAR_CELLS - cells)}`\n{', '.join(parts)}"


def done_message(index: str, done: Done) -> Outgoing:
    """What a build did."""
    result = done.result
    if not result.changed:
        return _message(f"### Nothing has changed\n`{result.version}` of {_safe(index)} stays in use.")
    lines = [
        f"### {_safe(index)} is built",
        f"**{result.photos:,}** photos of **{result.people:,}** people in {duration(result.seconds)}: "
        f"{result.embedded:,} embedded, {result.reused:,} kept, {result.missed:,} could not be used.",
        f"Recall@10 {result.recall_at_10:.4f}. Version `{result.version}`.",
        "It answers now." if done.answers else "It is not the index that answers here.",
    ]
    lines += [f"-# {_safe(without_paths(miss))}" for miss in result.misses[:_MISSES_SHOWN]]
    if result.missed > _MISSES_SHOWN:
        lines.append(f"-# and {result.missed - _MISSES_SHOWN:,} more")
    return _message("\n".join(lines))


def cancelled_message(index: str) -> Outgoing:
    """Somebody has ended the build."""
    words = "What it had embedded is kept: the next build goes on from there."
    return _message(f"### The build of {_safe(index)} was cancelled\n{words} {_OLD_STAYS}")


def failed_message(index: str, error: Exception, *, with_lines: bool) -> Outgoing:
    """Why a build failed.

    Args:
        index: which.
        error: what went wrong.
        with_lines: whether the last lines of the build are told here, too.
    """
    words = f"### The build of {_safe(index)} has failed\n{error_words(error)} {_OLD_STAYS}"
    if with_lines and (lines := last_lines(error)):
        words += f"\n{lines}"
    return _message(words)


def last_lines(error: Exception) -> str:
    """What the build wrote last, as a block; "" when it wrote nothing."""
    if not isinstance(error, RebuildFailedError) or not error.last_lines:
        return ""
    text = "\n".join(without_paths(line) for line in error.last_lines).replace("`", "'")
    return f"```\n{text[-_MOST_CHARACTERS:]}\n```"


def status_message(status: IndexStatus) -> Outgoing:
    """How the index is."""
    lines = [f"### Index {_safe(status.index)}", *_serving(status.serving)]
    lines.append(f"{status.versions} version{'' if status.versions == 1 else 's'} on the disk.")
    if status.refused:
        lines.append(f"⚠️ `{status.refused}` is in use on the disk but did not pass its check here.")
    elif status.serving is not None and status.current != status.serving.version:
        lines.append(f"⚠️ On the disk `{status.current or 'nothing'}` is in use.")
    if status.building is None:
        lines.append(
            "A build has begun that has not ended: elsewhere, or it was interrupted. The next one goes on from there."
            if status.unfinished
            else "No build is running."
        )
        return _message("\n".join(lines))
    index, progress = status.building
    lines.append(f"**{_safe(index)} is being built.**\n{progress_words(progress)}")
    return _message("\n".join(lines))


def error_words(error: Exception) -> str:
    """An error in the words for admins: more than members read, less than the log has."""
    if isinstance(error, LookalikeError):
        return _safe(without_paths(" ".join(filter(None, (error.message, error.hint)))))
    if isinstance(error, OSError):
        return f"The disk or the system refused: {error.strerror or type(error).__name__}."
    return f"Something unexpected happened ({type(error).__name__}). It is in the log."


def without_paths(text: str) -> str:
    """The text, with only the end of every path in it."""
    return _PATH.sub("…/", text)


def duration(seconds: float) -> str:
    """A time in words, such as "4 min 10 s"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{seconds:.1f} s" if whole < 10 else f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds_left} s"


def _serving(manifest: Manifest | None) -> Sequence[str]:
    if manifest is None:
        return ["Nothing answers yet."]
    created = discord.utils.parse_time(manifest.created_at)
    return [
        f"`{manifest.version}` answers: **{manifest.photos:,}** photos of **{manifest.people:,}** people, "
        f"{manifest.misses:,} that could not be used.",
        f"Built {discord.utils.format_dt(created, 'R')} by {_safe(manifest.pipeline)}; "
        f"recall@10 {manifest.forest.recall_at_10:.4f}.",
    ]


def _message(words: str, *buttons: ui.Button[ui.LayoutView]) -> Outgoing:
    def layout() -> ui.LayoutView:
        view = ui.LayoutView(timeout=None)
        row = [ui.ActionRow[ui.LayoutView](*buttons)] if buttons else []
        view.add_item(ui.Container(ui.TextDisplay(words), *row))
        return view

    return Outgoing(layout=layout)


def _safe(text: str) -> str:
    return discord.utils.escape_mentions(discord.utils.escape_markdown(text))
