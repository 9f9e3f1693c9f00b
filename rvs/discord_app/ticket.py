"""What a button remembers: where its photo is, which face, how many people, who asked. It fits a `custom_id`.

Plain data and text. A button thus works after a restart, and nothing about a photo is kept for it.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from rvs.render import MAX_PEOPLE

CUSTOM_ID_LIMIT = 100
"""What Discord accepts, in characters."""

STEPS = (1, 3, 5, 8, MAX_PEOPLE)
"""How many people the buttons step through: each number makes a grid without a gap."""

Action: TypeAlias = Literal["face", "fewer", "more", "delete"]

_NAME = "look"
_VERSION = 1
_PATTERN = re.compile(
    rf"{_NAME}:(?P<version>\d+):(?P<action>face|fewer|more|delete):"
    r"(?P<source>m\.\d+\.\d+\.\d+|u\.\d+|a):(?P<face>\d+):(?P<people>\d+):(?P<asker>\d+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class FromMessage:
    """A photo of a message: `index` counts its attachments, then those of messages it forwards."""

    channel_id: int
    message_id: int
    index: int


@dataclass(frozen=True, slots=True)
class FromAvatar:
    """A person's avatar."""

    person_id: int


@dataclass(frozen=True, slots=True)
class FromAnswer:
    """The photo that the answer itself carries, because it is in no message that can be read again."""


Source: TypeAlias = FromMessage | FromAvatar | FromAnswer


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is needed to ask again.

    Attributes:
        source: where the photo is.
        face: which face, from 1, the largest first.
        people: how many people are named, 1..12.
        asker_id: who asked, and so may delete the answer.
    """

    source: Source
    face: int
    people: int
    asker_id: int

    def custom_id(self, action: Action) -> str:
        """The `custom_id` of a component that does `action`."""
        return (
            f"{_NAME}:{_VERSION}:{action}:{_encoded(self.source)}:{self.face}:{self.people}:{self.asker_id}"
        )

    def with_people(self, action: Action) -> "Ticket":
        """After the buttons "fewer" and "more": the next step down or up, or the same at the end."""
        if action == "fewer":
            return replace(self, people=max((step for step in STEPS if step < self.people), default=STEPS[0]))
        return replace(self, people=min((step for step in STEPS if step > self.people), default=STEPS[-1]))


def is_ours(custom_id: str) -> bool:
    """Whether a component was made by this bot, of whatever version."""
    return custom_id.startswith(f"{_NAME}:")


def read_ticket(custom_id: str) -> tuple[Action, Ticket] | None:
    """What a component does and its ticket; None when another version made it, or somebody else."""
    match = _PATTERN.fullmatch(custom_id)
    if match is None or int(match["version"]) != _VERSION:
        return None
    face, people = int(match["face"]), int(match["people"])
    if face < 1 or not 1 <= people <= MAX_PEOPLE:
        return None
    action: Action = match["action"]  # type: ignore[assignment]  # the pattern has just these
    return action, Ticket(_decoded(match["source"]), face, people, int(match["asker"]))


def _encoded(source: Source) -> str:
    match source:
        case FromMessage(channel_id, message_id, index):
            return f"m.{channel_id}.{message_id}.{index}"
        case FromAvatar(person_id):
            return f"u.{person_id}"
        case FromAnswer():
            return "a"


def _decoded(text: str) -> Source:
    kind, *numbers = text.split(".")
    if kind == "m":
        channel_id, message_id, index = map(int, numbers)
        return FromMessage(channel_id, message_id, index)
    return FromAvatar(int(numbers[0])) if kind == "u" else FromAnswer()
