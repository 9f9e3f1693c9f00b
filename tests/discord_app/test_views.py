"""What an answer looks like, down to what Discord would refuse."""

from typing import Any

import pytest

from rvs.answer import Answer, Compared, Found
from rvs.discord_app.delivery import Outgoing
from rvs.discord_app.ticket import FromAnswer, FromMessage, Ticket
from rvs.discord_app.views import answer_message, caption, comparison_message
from rvs.faces.quality import Quality
from rvs.render import MAX_PEOPLE, Picture
from rvs.result import Match, Score, Word

PICTURE = Picture(b"a grid", "One face.", 10, 10)
OVERVIEW = Picture(b"faces", "Three faces.", 10, 10)
TICKET = Ticket(FromMessage(11, 22, 0), 1, 8, 33)


def quality(*problems: str, usable: bool = True) -> Quality:
    return Quality(50.0, 0.5, 120.0, 0.0, 0.0, problems, usable)


def match(rank: int, person: str, word: Word = "fair") -> Match:
    return Match(rank, person, "a.jpg", None, Score(0.8, 99.25, None, word), 1, 1)


def answer(
    *matches: Match, faces: int = 1, face: int = 1, of: Quality | None = None, photo: bytes | None = None
) -> Answer:
    found = Found(10, 10, (), None, of, matches, "v")
    return Answer(found, faces, face, PICTURE, OVERVIEW if faces > 1 else None, photo)


def people(*names: str, word: Word = "fair") -> list[Match]:
    return [match(rank, name, word) for rank, name in enumerate(names, start=1)]


def parts(outgoing: Outgoing) -> list[dict[str, Any]]:
    """Every component as Discord gets it."""
    assert outgoing.layout is not None
    found: list[dict[str, Any]] = []
    view: Any = outgoing.layout()
    left: list[dict[str, Any]] = list(view.to_components())
    while left:
        part = left.pop(0)
        found.append(part)
        left += part.get("components", [])
        left += [part["accessory"]] if "accessory" in part else []
    return found


def of_type(outgoing: Outgoing, kind: int) -> list[dict[str, Any]]:
    return [part for part in parts(outgoing) if part["type"] == kind]


class TestCaption:
    def test_the_best_person_stands_in_the_heading_and_the_others_below(self) -> None:
        first, _, last = caption(answer(*people("Ada Byron", "Grace Hopper"))).splitlines()
        assert first.startswith("### ")
        assert first.endswith("Ada Byron")
        assert last == "-# Then 2 Grace Hopper (fair)"

    def test_it_says_how_alike_in_words_and_as_a_share_of_strangers(self) -> None:
        words = caption(answer(*people("Ada Byron")))
        assert "fair resemblance" in words
        assert "99.25 % of pairs of strangers" in words

    def test_it_never_says_that_somebody_is_somebody(self) -> None:
        assert " is Ada Byron" not in caption(answer(*people("Ada Byron", word="uncanny")))

    def test_a_faint_match_is_no_good_match(self) -> None:
        words = caption(answer(*people("Ada Byron", word="faint")))
        assert words.startswith("### No good match\n")
        assert "The nearest is **Ada Byron**." in words

    def test_nobody_is_said_so(self) -> None:
        assert caption(answer()).startswith("### No resemblance\n")

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("*Ada* Byron", r"\*Ada\* Byron"),
            ("~~Ada~~", r"\~\~Ada\~\~"),
            ("||Ada||", r"\|\|Ada\|\|"),
            ("`Ada`", r"\`Ada\`"),
        ],
    )
    def test_a_name_is_no_markdown(self, name: str, shown: str) -> None:
        assert shown in caption(answer(*people(name)))

    @pytest.mark.parametrize("name", ["@everyone", "@here", "<@123456789012345678>", "<@&12345678901234567>"])
    @pytest.mark.parametrize("rank", [1, 2])
    def test_a_name_mentions_nobody(self, name: str, rank: int) -> None:
        names = ["Ada Byron", "Grace Hopper"]
        names[rank - 1] = name
        assert name not in caption(answer(*people(*names)))

    def test_a_name_that_cannot_be_read_is_not_left_out(self) -> None:
        assert "a person without a name" in caption(answer(*people("\u200b")))

    def test_at_most_as_many_are_named_as_are_drawn(self) -> None:
        words = caption(answer(*people(*(f"Person {number}." for number in range(1, 20)))))
        assert f"Person {MAX_PEOPLE}." in words
        assert f"Person {MAX_PEOPLE + 1}." not in words

    def test_it_is_never_longer_than_discord_accepts(self) -> None:
        assert len(caption(answer(*people(*["*" * 300] * MAX_PEOPLE)))) < 4000

    def test_a_poor_photo_is_explained(self) -> None:
        words = caption(answer(*people("Ada"), of=quality("it is dark", "it is small")))
        assert words.endswith("⚠️ The photo is poor: it is dark; it is small. Take the answer with care.")

    def test_a_useless_photo_is_called_so(self) -> None:
        words = caption(answer(*people("Ada"), of=quality("it is dark", usable=False)))
        assert words.endswith("The answer means little.")

    def test_a_good_photo_needs_no_words(self) -> None:
        assert "⚠️" not in caption(answer(*people("Ada"), of=quality()))


class TestPictures:
    @pytest.mark.parametrize("spoiler", [True, False])
    def test_each_is_hidden_as_the_photo_was(self, spoiler: bool) -> None:
        outgoing = answer_message(answer(*people("Ada"), faces=3, photo=b"photo"), TICKET, spoiler=spoiler)
        shown = [item for part in of_type(outgoing, 12) for item in part["items"]] + of_type(outgoing, 11)
        assert len(shown) == 3
        assert [bool(item["spoiler"]) for item in shown] == [spoiler] * 3

    def test_what_is_shown_is_what_is_sent(self) -> None:
        outgoing = answer_message(answer(*people("Ada"), faces=3, photo=b"photo"), TICKET, spoiler=False)
        shown = [item for part in of_type(outgoing, 12) for item in part["items"]] + of_type(outgoing, 11)
        urls = {item["media"]["url"] for item in shown}
        assert urls == {f"attachment://{upload.name}" for upload in outgoing.uploads}

    def test_each_has_a_description(self) -> None:
        outgoing = answer_message(answer(*people("Ada"), faces=3, photo=b"photo"), TICKET, spoiler=False)
        assert all(upload.description for upload in outgoing.uploads)

    def test_with_one_face_there_is_nothing_to_choose(self) -> None:
        outgoing = answer_message(answer(*people("Ada")), TICKET, spoiler=False)
        assert [upload.name for upload in outgoing.uploads] == ["lookalikes.jpg"]
        assert of_type(outgoing, 3) == []

    def test_the_photo_goes_along_only_when_it_has_to(self) -> None:
        outgoing = answer_message(answer(*people("Ada"), photo=b"photo"), TICKET, spoiler=False)
        assert [upload.name for upload in outgoing.uploads] == ["lookalikes.jpg", "photo.jpg"]

    def test_a_second_try_has_files_of_its_own(self) -> None:
        outgoing = answer_message(answer(*people("Ada")), TICKET, spoiler=False)
        first, second = outgoing.arguments("files"), outgoing.arguments("files")
        assert first["files"][0].fp.read() == second["files"][0].fp.read() == b"a grid"
        assert first["view"] is not second["view"]


class TestChoosingAFace:
    @staticmethod
    def options(faces: int, face: int) -> list[dict[str, Any]]:
        ticket = Ticket(FromAnswer(), face, 8, 33)
        outgoing = answer_message(answer(*people("Ada"), faces=faces, face=face), ticket, spoiler=False)
        (select,) = of_type(outgoing, 3)
        options: list[dict[str, Any]] = select["options"]
        return options

    @pytest.mark.parametrize(
        ("faces", "face", "first", "last"),
        [(2, 1, 1, 2), (25, 25, 1, 25), (26, 1, 1, 25), (26, 26, 2, 26), (60, 30, 18, 42), (60, 60, 36, 60)],
    )
    def test_there_are_never_more_than_discord_accepts_and_the_chosen_one_is_among_them(
        self, faces: int, face: int, first: int, last: int
    ) -> None:
        options = self.options(faces, face)
        assert [option["value"] for option in options] == [str(one) for one in range(first, last + 1)]
        assert [option["value"] for option in options if option["default"]] == [str(face)]


class TestButtons:
    @pytest.mark.parametrize(
        ("asked", "labels", "disabled"),
        [
            (1, ["Fewer", "More (3)", "Delete"], [True, False, False]),
            (4, ["Fewer (3)", "More (5)", "Delete"], [False, False, False]),
            (8, ["Fewer (5)", "More (12)", "Delete"], [False, False, False]),
            (12, ["Fewer (8)", "More", "Delete"], [False, True, False]),
        ],
    )
    def test_they_say_what_they_lead_to(self, asked: int, labels: list[str], disabled: list[bool]) -> None:
        ticket = Ticket(FromAnswer(), 1, asked, 33)
        buttons = of_type(answer_message(answer(*people("Ada")), ticket, spoiler=False), 2)
        assert [button["label"] for button in buttons] == labels
        assert [button["disabled"] for button in buttons] == disabled

    def test_all_ids_in_a_message_differ(self) -> None:
        outgoing = answer_message(answer(*people("Ada"), faces=3), TICKET, spoiler=False)
        ids = [part["custom_id"] for part in parts(outgoing) if "custom_id" in part]
        assert len(ids) == len(set(ids)) == 4

    async def test_nothing_in_the_process_waits_for_a_press(self) -> None:
        arguments = answer_message(answer(*people("Ada")), TICKET, spoiler=False).arguments("files")
        assert arguments["view"].is_finished()


class TestComparison:
    @staticmethod
    def message(word: Word = "strong", *, first: Quality | None = None, spoiler: bool = False) -> Outgoing:
        comparison = Compared(Score(0.8, 99.25, None, word), (first, quality()), PICTURE)
        return comparison_message(comparison, TICKET, spoiler=spoiler)

    @pytest.mark.parametrize(("word", "article"), [("uncanny", "An"), ("strong", "A"), ("faint", "A")])
    def test_the_heading_is_good_english(self, word: Word, article: str) -> None:
        (text,) = of_type(self.message(word), 10)
        assert text["content"].startswith(f"### {article} {word} resemblance\n")

    def test_a_poor_photo_is_named(self) -> None:
        (text,) = of_type(self.message(first=quality("it is dark")), 10)
        assert "⚠️ The first photo is poor: it is dark. Take the answer with care." in text["content"]
        assert "second" not in text["content"]

    def test_it_can_only_be_deleted(self) -> None:
        assert [button["label"] for button in of_type(self.message(), 2)] == ["Delete"]

    def test_it_can_be_hidden(self) -> None:
        (gallery,) = of_type(self.message(spoiler=True), 12)
        assert gallery["items"][0]["spoiler"] is True
