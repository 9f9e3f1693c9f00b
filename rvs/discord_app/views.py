"""What an answer looks like: caption, grid, the faces to choose from, the buttons. Pure layout, no waiting.

Names come from a gallery's folders: they are escaped, and mention nobody. We say "resembles", never "is".
"""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from rvs.answer import Answer, Compared
from rvs.discord_app.delivery import Outgoing, Upload
from rvs.discord_app.photos import PHOTO_FILE
from rvs.discord_app.ticket import STEPS, Ticket
from rvs.faces.quality import Quality
from rvs.render import MAX_PEOPLE, closer_text, readable_name
from rvs.render.look import ACCENTS
from rvs.result import Match, Score

GRID_FILE = "lookalikes.jpg"
OVERVIEW_FILE = "faces.jpg"
PAIR_FILE = "comparison.jpg"

_MOST_OPTIONS = 25  # of a select


def answer_message(answer: Answer, ticket: Ticket, *, spoiler: bool) -> Outgoing:
    """The answer about one face.

    Args:
        answer: what was found.
        ticket: for its buttons.
        spoiler: every picture is posted hidden, because the photo was.
    """
    if answer.picture is None:
        raise ValueError("an answer is shown with its grid")
    uploads = [Upload(GRID_FILE, answer.picture.jpeg, answer.picture.alt_text, spoiler)]
    if answer.overview is not None:
        uploads.append(Upload(OVERVIEW_FILE, answer.overview.jpeg, answer.overview.alt_text, spoiler))
    if answer.photo is not None:
        uploads.append(Upload(PHOTO_FILE, answer.photo, "The photo that was asked with.", spoiler))
    return Outgoing(layout=lambda: _answer_layout(answer, ticket, uploads), uploads=tuple(uploads))


def comparison_message(comparison: Compared, ticket: Ticket, *, spoiler: bool) -> Outgoing:
    """The answer to `/compare`."""
    if comparison.picture is None:
        raise ValueError("a comparison is shown with its picture")
    upload = Upload(PAIR_FILE, comparison.picture.jpeg, comparison.picture.alt_text, spoiler)

    def layout() -> ui.LayoutView:
        words = [f"### {_resemblance(comparison.score)}\n{_closer(comparison.score).capitalize()}"]
        for which, quality in zip(("first", "second"), comparison.qualities, strict=True):
            words += _poor(quality, f"The {which} photo is poor")
        return _view(
            comparison.score,
            ui.TextDisplay("\n".join(words)),
            _gallery(upload),
            ui.ActionRow(_delete(ticket)),
        )

    return Outgoing(layout=layout, uploads=(upload,))


def caption(answer: Answer) -> str:
    """Who is resembled, in words; every name of the picture is in it, also those that its font cannot draw."""
    matches = answer.found.matches[:MAX_PEOPLE]
    if not matches:
        return "### No resemblance\nNobody in this gallery resembles this face."
    best, quality = matches[0], answer.found.quality
    if quality is not None and not quality.usable:
        lines = ["### The photo is too poor to say", f"The nearest is **{_name(best)}**."]
    elif best.score.word == "faint":
        lines = [
            "### No good match",
            f"Nobody in this gallery looks much like this face. The nearest is **{_name(best)}**.",
        ]
    else:
        lines = [f"### Resembles {_name(best)}", f"{_resemblance(best.score)}: {_closer(best.score)}"]
    if len(matches) > 1:
        others = ", ".join(f"{match.rank} {_name(match)} ({match.score.word})" for match in matches[1:])
        lines.append(f"-# Then {others}")
    lines += _poor(quality, "The photo is poor")
    return "\n".join(lines)


def _answer_layout(answer: Answer, ticket: Ticket, uploads: Sequence[Upload]) -> ui.LayoutView:
    parts: list[ui.Item[Any]] = [ui.TextDisplay(caption(answer)), _gallery(uploads[0])]
    shown = {upload.name: upload for upload in uploads}
    if OVERVIEW_FILE in shown:
        # Not a thumbnail: those are cut to a square, and faces with them.
        words = (
            f"**{answer.faces} faces** are in the photo. This was number **{answer.face}**; choose another:"
        )
        parts += [ui.TextDisplay(words), _gallery(shown[OVERVIEW_FILE])]
        parts.append(ui.ActionRow(_face_select(answer, ticket)))
    if PHOTO_FILE in shown:
        # Not only for show: the buttons find the photo here.
        parts.append(ui.Section("-# The photo that was asked with.", accessory=_thumbnail(shown[PHOTO_FILE])))
    parts.append(ui.ActionRow(*_step_buttons(ticket), _delete(ticket)))
    return _view(answer.found.matches[0].score if answer.found.matches else None, *parts)


def _view(score: Score | None, *parts: ui.Item[Any]) -> ui.LayoutView:
    colour = None if score is None else discord.Colour.from_rgb(*ACCENTS[score.word])
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*parts, accent_colour=colour))
    return view


def _gallery(upload: Upload) -> ui.MediaGallery[Any]:
    item = discord.MediaGalleryItem(
        f"attachment://{upload.name}", description=upload.description, spoiler=upload.spoiler
    )
    return ui.MediaGallery(item)


def _thumbnail(upload: Upload) -> ui.Thumbnail[Any]:
    return ui.Thumbnail(f"attachment://{upload.name}", description=upload.description, spoiler=upload.spoiler)


def _face_select(answer: Answer, ticket: Ticket) -> ui.Select[Any]:
    # With more faces than options, those around the chosen one.
    first = max(1, min(answer.face - _MOST_OPTIONS // 2, answer.faces - _MOST_OPTIONS + 1))
    numbers = range(first, min(answer.faces, first + _MOST_OPTIONS - 1) + 1)
    options = [
        discord.SelectOption(label=f"Face {number}", value=str(number), default=number == answer.face)
        for number in numbers
    ]
    return ui.Select(custom_id=ticket.custom_id("face"), placeholder="Another face", options=options)


def _step_buttons(ticket: Ticket) -> tuple[ui.Button[Any], ui.Button[Any]]:
    fewer, more = ticket.with_people("fewer").people, ticket.with_people("more").people
    return (
        ui.Button(
            label=f"Fewer ({fewer})" if ticket.people > STEPS[0] else "Fewer",
            custom_id=ticket.custom_id("fewer"),
            disabled=ticket.people <= STEPS[0],
        ),
        ui.Button(
            label=f"More ({more})" if ticket.people < STEPS[-1] else "More",
            custom_id=ticket.custom_id("more"),
            disabled=ticket.people >= STEPS[-1],
        ),
    )


def _delete(ticket: Ticket) -> ui.Button[Any]:
    return ui.Button(label="Delete", custom_id=ticket.custom_id("delete"), style=discord.ButtonStyle.danger)


def _name(match: Match) -> str:
    name = readable_name(match.person) or "a person without a name"
    return discord.utils.escape_mentions(discord.utils.escape_markdown(name))


def _resemblance(score: Score) -> str:
    return f"{'An' if score.word == 'uncanny' else 'A'} {score.word} resemblance"


def _closer(score: Score) -> str:
    return f"{closer_text(score.percentile)}."


def _poor(quality: Quality | None, words: str) -> list[str]:
    if quality is None or not quality.problems:
        return []
    so = "Take the answer with care." if quality.usable else "The answer means little."
    return [f"⚠️ {words}: {'; '.join(quality.problems)}. {so}"]
