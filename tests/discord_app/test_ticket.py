"""A ticket survives the way through a `custom_id`; anything else is not taken for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rvs.discord_app.ticket import (
    CUSTOM_ID_LIMIT,
    STEPS,
    Action,
    FromAnswer,
    FromAvatar,
    FromMessage,
    Ticket,
    is_ours,
    read_ticket,
)
from rvs.render import MAX_PEOPLE

ACTIONS: tuple[Action, ...] = ("face", "fewer", "more", "delete")
SNOWFLAKES = st.integers(1, 2**64 - 1)
SOURCES = st.one_of(
    st.builds(FromMessage, SNOWFLAKES, SNOWFLAKES, st.integers(0, 19)),
    st.builds(FromAvatar, SNOWFLAKES),
    st.just(FromAnswer()),
)
TICKETS = st.builds(Ticket, SOURCES, st.integers(1, 999), st.integers(1, MAX_PEOPLE), SNOWFLAKES)
GOOD = "look:1:fewer:m.11.22.0:1:8:33"


@settings(deadline=None)
@given(ticket=TICKETS, action=st.sampled_from(ACTIONS))
def test_every_ticket_comes_back_as_it_was(ticket: Ticket, action: Action) -> None:
    assert read_ticket(ticket.custom_id(action)) == (action, ticket)


@settings(deadline=None)
@given(ticket=TICKETS, action=st.sampled_from(ACTIONS))
def test_every_ticket_fits(ticket: Ticket, action: Action) -> None:
    assert len(ticket.custom_id(action)) <= CUSTOM_ID_LIMIT


def test_the_actions_of_one_answer_have_different_ids() -> None:
    ticket = Ticket(FromAnswer(), 1, 8, 33)
    assert len({ticket.custom_id(action) for action in ACTIONS}) == len(ACTIONS)


def test_the_written_form_stays_what_old_answers_have() -> None:
    assert read_ticket(GOOD) == ("fewer", Ticket(FromMessage(11, 22, 0), 1, 8, 33))
    assert read_ticket("look:1:face:u.7:2:12:33") == ("face", Ticket(FromAvatar(7), 2, 12, 33))
    assert read_ticket("look:1:delete:a:1:1:33") == ("delete", Ticket(FromAnswer(), 1, 1, 33))


@pytest.mark.parametrize(
    "custom_id",
    [
        "",
        "look",
        "look:",
        "look:2:fewer:a:1:8:33",
        "look:0:fewer:a:1:8:33",
        "look:1:dance:a:1:8:33",
        "look:1:fewer:b:1:8:33",
        "look:1:fewer:m.1.2:1:8:33",
        "look:1:fewer:u.:1:8:33",
        "look:1:fewer:a:0:8:33",
        "look:1:fewer:a:1:0:33",
        "look:1:fewer:a:1:13:33",
        "look:1:fewer:a:-1:8:33",
        "look:1:fewer:a:1:8:",
        "look:1:fewer:a:1:8:33:",
        "look:1:fewer:a:1:8:33\n",
        "look:1:fewer:a:1:8:٣٣",
        " " + GOOD,
        GOOD.replace("look", "took"),
    ],
)
def test_what_is_no_ticket_of_this_version_is_not_read(custom_id: str) -> None:
    assert read_ticket(custom_id) is None


@settings(deadline=None)
@given(custom_id=st.text(max_size=CUSTOM_ID_LIMIT))
def test_no_text_makes_it_stumble(custom_id: str) -> None:
    read = read_ticket(custom_id)
    assert read is None or read[1].custom_id(read[0]) == custom_id


def test_components_of_other_versions_are_ours_and_of_other_bots_are_not() -> None:
    assert is_ours("look:9:whatever")
    assert not is_ours("looking:1")
    assert not is_ours("")


def _steps(action: Action, start: int) -> list[int]:
    ticket, seen = Ticket(FromAnswer(), 1, start, 33), [start]
    while (after := ticket.with_people(action)) != ticket:
        ticket = after
        seen.append(ticket.people)
    return seen


def test_more_and_fewer_go_through_the_same_steps() -> None:
    assert _steps("more", STEPS[0]) == list(STEPS)
    assert _steps("fewer", STEPS[-1]) == list(reversed(STEPS))


def test_a_number_between_the_steps_goes_to_the_next_one() -> None:
    assert _steps("more", 4) == [4, 5, 8, 12]
    assert _steps("fewer", 4) == [4, 3, 1]
