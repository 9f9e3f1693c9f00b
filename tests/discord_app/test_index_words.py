"""What admins read: no folders of the machine, no endless texts, nothing that pings."""

from typing import Any

import pytest

from rvs.discord_app.index_words import (
    done_message,
    duration,
    error_words,
    failed_message,
    last_lines,
    progress_words,
    without_paths,
)
from rvs.errors import GalleryCorruptError, RebuildFailedError
from rvs.index_job import Done
from rvs.rebuild import BuildProgress, BuildResult

RESULT = BuildResult(
    "v1", True, 2, 14, 4, 10, 9, tuple(f"A/{n}.jpg: no face" for n in range(9)), 0.9991, 75.2
)


def _words(outgoing: Any) -> str:
    view = outgoing.layout()
    view.stop()
    return "\n".join(part.content for part in view.walk_children() if hasattr(part, "content"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The index in /srv/bot/index/lfw is damaged.", "The index in …/lfw is damaged."),
        ('File "/home/me/rvs/build.py", line 7', 'File "…/build.py", line 7'),
        ("cannot open '/data/faces/Ann/1.jpg': gone", "cannot open '…/1.jpg': gone"),
        (r"in C:\Users\me\index", "in …/index"),
        ("Ann/1.jpg: no face, 12/s and 3/4", "Ann/1.jpg: no face, 12/s and 3/4"),
        ("see https://example.com/a/b", "see https://example.com/a/b"),
    ],
)
def test_of_a_path_only_the_end_is_told(text: str, told: str) -> None:
    assert without_paths(text) == told


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.44, "0.4 s"), (42.2, "42 s"), (250, "4 min 10 s"), (3725, "1 h 2 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_progress_before_anything_is_known() -> None:
    assert progress_words(None) == "Starting."
    assert "0%" in progress_words(BuildProgress("hash", 0, 0))


def test_a_bar_is_as_long_at_the_end_as_at_the_start() -> None:
    bars = [progress_words(BuildProgress("embed", done, 7)).splitlines()[0] for done in (0, 3, 7)]
    assert {len(bar) for bar in bars} == {22}
    assert bars[2].count("█") == 20


def test_the_result_names_the_first_misses_and_counts_the_others() -> None:
    words = _words(done_message("mine", Done(RESULT, answers=True)))
    assert "**14** photos of **2** people in 1 min 15 s" in words
    assert "Recall@10 0.9991" in words
    assert words.count("no face") == 5
    assert "and 4 more" in words
    assert "It answers now." in words
    assert "not the index that answers" in _words(done_message("mine", Done(RESULT, answers=False)))


def test_names_ping_nobody() -> None:
    assert "@everyone" not in _words(done_message("@everyone", Done(RESULT, answers=True)))


def test_the_last_lines_fit_a_message_and_cannot_leave_their_block() -> None:
    error = RebuildFailedError("It failed.", last_lines=("```@everyone", *("x" * 900 for _ in range(12))))
    block = last_lines(error)
    assert len(block) < 1900
    assert block.count("```") == 2
    assert block in _words(failed_message("mine", error, with_lines=True))
    assert "```" not in _words(failed_message("mine", error, with_lines=False))


def test_admins_read_more_than_members() -> None:
    error = GalleryCorruptError("The index in /srv/index/lfw is damaged.", hint="Build it again.")
    assert error_words(error) == "The index in …/lfw is damaged. Build it again."
    assert error_words(OSError(28, "No space left on device")).endswith("No space left on device.")
    assert "KeyError" in error_words(KeyError("secret"))
    assert "secret" not in error_words(KeyError("secret"))
