"""What admins do with the index in a conversation: who may, and what they are told while others ask."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import discord
import pytest
from simcord import InteractionResult
from simcord.actors import MemberActor

from rvs.answer import Served
from rvs.discord_app.asking import Desk
from rvs.discord_app.client import LookalikeBot, Parts, make_bot
from rvs.discord_app.consent import Consents
from rvs.discord_app.index_words import CANCELLING, NOT_ALLOWED, NOTHING_RUNS
from rvs.discord_app.settings import load_discord_settings
from rvs.engine import GalleryPhotos, engine_over, remember_gallery
from rvs.errors import RebuildCancelledError
from rvs.gallery.store import Store
from rvs.hot_swap import HotSwap
from rvs.index_job import Build, Job
from rvs.photo import PhotoLimits
from rvs.rebuild import BuildProgress, BuildResult, Rebuild
from rvs.searching import searching_for
from rvs.service import Service
from rvs.settings import Settings, load_settings
from rvs.upkeep import Upkeep
from tests.conversation.photos import file_of
from tests.conversation.seen import Seen
from tests.conversation.talk import Cdn, Setup, Talk, Workshop
from tests.gallery.small import builder, draw, make_gallery, photo_path, pipeline_of_patches, save, unheard

PEOPLE, PHOTOS = 6, 4
pytestmark = pytest.mark.simcord(settle_timeout=30)


@dataclass
class HeldBuild:
    """A build that goes no further than it is told to."""

    progress: BuildProgress | None = None
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    async def __aiter__(self) -> AsyncIterator[BuildProgress]:
        if self.progress is not None:
            yield self.progress

    async def result(self) -> BuildResult:
        await self.may_end.wait()
        raise RebuildCancelledError("The build was cancelled.")

    async def cancel(self) -> None:
        self.cancelled = True
        self.may_end.set()


@dataclass
class Builds:
    """Starts builds over patches in processes of their own, or those that a test has in hand."""

    root: Path
    how: tuple[str, ...] = ()
    held: HeldBuild | None = None
    commands: list[list[str]] = field(default_factory=list)

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> Build:
        self.commands.append(list(command))
        if self.held is not None:
            return self.held
        index = command[command.index("--index") + 1]
        gallery = command[command.index("--gallery") + 1]
        ours = [sys.executable, "-m", "tests.gallery.told_build", gallery, str(self.root / index), *self.how]
        return await Rebuild.start(ours, environment)


@dataclass
class IndexWorkshop(Workshop):
    """Builds bots whose index can be looked after."""

    settings: Settings
    builds: Builds
    upkeep: Upkeep

    def build(self) -> tuple[LookalikeBot, Desk, Consents]:
        _, desk, consents = super().build()
        setup = self.setup
        parts = Parts(
            load_discord_settings(**setup.settings),
            desk,
            consents,
            8,
            self.folder,
            message_content=setup.message_content,
            upkeep=self.upkeep,
        )
        return make_bot(parts), desk, consents

    @property
    def store(self) -> Store:
        return Store(self.settings.index_dir / self.settings.index)

    @property
    def gallery(self) -> Path:
        return self.settings.index_dir.parent / "gallery"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rvs.discord_app.admin._EDIT_EVERY_S", 0.05)


@pytest.fixture
async def workshop(setup: Setup, tmp_path: Path) -> AsyncIterator[IndexWorkshop]:
    settings = load_settings(index="small", index_dir=tmp_path / "index", index_poll_seconds=0)
    gallery = make_gallery(tmp_path / "gallery", range(PEOPLE), PHOTOS)
    store = Store(settings.index_dir / "small")
    builder(store.folder).build(gallery, unheard)
    remember_gallery(settings, gallery)
    searching = searching_for(settings)

    def load() -> Served:
        engine = engine_over(store.current(), pipeline_of_patches(), searching)
        return Served(engine, GalleryPhotos(gallery), PhotoLimits())

    service = Service(load, setup.service)
    await service.start()
    builds = Builds(settings.index_dir)
    upkeep = Upkeep(HotSwap(service, settings, searching), settings, start=builds.start)
    yield IndexWorkshop(setup, service, Cdn(), tmp_path / "discord", settings, builds, upkeep)
    await upkeep.close()
    await service.close()


@pytest.fixture
def room(talk: Talk, workshop: IndexWorkshop) -> "Room":
    # Discord shows the commands to who may manage the server; that alone makes nobody an admin.
    managers = talk.guild.create_role("managers", permissions=discord.Permissions(manage_guild=True))
    owner = talk.guild.add_member(talk.env.create_user("olga"), roles=[managers])
    manager = talk.guild.add_member(talk.env.create_user("max"), roles=[managers])
    bot = talk.env.bot
    assert isinstance(bot, LookalikeBot)
    bot.owner_id = owner.id
    return Room(talk, workshop, owner, manager)


@dataclass
class Room:
    """The bot's owner, and somebody who may manage the server but not the index."""

    talk: Talk
    workshop: IndexWorkshop
    owner: MemberActor
    manager: MemberActor

    async def index(self, what: str, by: MemberActor | None = None, **options: str) -> InteractionResult:
        return await (by or self.owner).slash(self.talk.channel, f"index {what}", **options)

    async def said(self, what: str, by: MemberActor | None = None, **options: str) -> str:
        """What an admin is told, alone."""
        result = await self.index(what, by, **options)
        assert result.ephemeral
        return self.talk.answer(result).words

    async def names(self) -> str:
        """Whom person 3 resembles."""
        (seen,) = await self.talk.ask("!lookalike 1", ("me.png", file_of(draw(3, photo=9), "PNG")))
        return seen.words

    def add_person(self, person: int) -> None:
        for photo in range(1, PHOTOS + 1):
            save(draw(person, photo=photo), photo_path(self.workshop.gallery, person, photo))

    def in_channel(self) -> list[Seen]:
        return [self.talk.see(one) for one in self.talk.said()]

    @property
    def current(self) -> str:
        return self.workshop.store.current().name


class TestWhoMay:
    @pytest.mark.parametrize("what", ["status", "rebuild", "cancel", "rollback"])
    async def test_others_are_told_politely_and_alone(self, room: Room, what: str) -> None:
        assert await room.said(what, room.manager) == NOT_ALLOWED
        assert room.workshop.builds.commands == []

    async def test_activate_too(self, room: Room) -> None:
        assert await room.said("activate", room.manager, version=room.current) == NOT_ALLOWED

    async def test_the_prefix_command_too(self, room: Room) -> None:
        (seen,) = await room.talk.ask("!rebuild", by=room.manager)
        assert seen.words == NOT_ALLOWED
        assert room.workshop.builds.commands == []

    async def test_nothing_is_completed_for_them(self, room: Room) -> None:
        channel = room.talk.channel
        assert await room.manager.autocomplete(channel, "index activate", "version", "") == []
        offered = await room.owner.autocomplete(channel, "index activate", "version", "")
        assert [one["value"] for one in offered] == [room.current]
        offered = await room.owner.autocomplete(channel, "index rebuild", "gallery", "SMA")
        assert [one["value"] for one in offered] == ["small"]

    async def test_listed_people_may(self, room: Room) -> None:
        listed = replace(room.workshop.setup, settings={"admins": (room.manager.id,)})
        room.workshop.setup = listed
        await room.talk.restart()
        assert "answers" in await room.said("status", room.manager)

    async def test_members_of_listed_roles_may(self, room: Room) -> None:
        role = room.talk.guild.create_role("keepers", permissions=discord.Permissions(manage_guild=True))
        kim = room.talk.guild.add_member(room.talk.env.create_user("kim"), roles=[role])
        room.workshop.setup = replace(room.workshop.setup, settings={"admin_roles": (role.id,)})
        await room.talk.restart()
        assert "answers" in await room.said("status", kim)
        assert await room.said("status", room.manager) == NOT_ALLOWED

    async def test_the_commands_are_hidden_from_members(self, room: Room) -> None:
        assert "index status" not in room.talk.alice.available_commands(room.talk.channel)
        assert "index status" in room.owner.available_commands(room.talk.channel)


class TestStatus:
    async def test_what_answers(self, room: Room) -> None:
        words = await room.said("status")
        assert f"`{room.current}` answers: **24** photos of **6** people" in words
        assert "No build is running." in words

    async def test_a_pointer_that_was_moved_is_told(self, room: Room) -> None:
        old = room.current
        room.add_person(40)
        builder(room.workshop.store.folder).build(room.workshop.gallery, unheard)
        words = await room.said("status")
        assert f"`{old}` answers" in words
        assert f"On the disk `{room.current}` is in use" in words

    async def test_an_interrupted_build_is_told(self, room: Room) -> None:
        (room.workshop.store.folder / ".journal-0-largest").mkdir()
        assert "has not ended" in await room.said("status")


class TestRebuild:
    async def test_from_the_command_to_the_new_version(self, room: Room) -> None:
        old = room.current
        room.add_person(40)
        result = await room.index("rebuild")
        words = room.talk.answer(result).words
        assert not result.ephemeral
        assert "**28** photos of **7** people" in words
        assert "4 embedded, 24 kept, 0 could not be used" in words
        assert re.search(r"Recall@10 (1\.0000|0\.99\d\d)", words)
        assert "It answers now." in words
        assert room.workshop.upkeep.serving == room.current != old
        assert "Person 03" in await room.names()

    async def test_progress_is_shown_meanwhile(self, room: Room) -> None:
        room.add_person(40)
        await room.index("rebuild")
        bodies = [str(one.json) for one in room.talk.env.http_requests if one.method in ("PATCH", "POST")]
        assert any("Building small" in body and "look:index:cancel" in body for body in bodies)

    async def test_by_prefix(self, room: Room) -> None:
        room.add_person(40)
        (seen,) = await room.talk.ask("!rebuild", by=room.owner)
        assert "small is built" in seen.words
        assert seen.buttons == {}
        assert len(room.talk.said()) == 1

    async def test_nothing_new(self, room: Room) -> None:
        old = room.current
        result = await room.index("rebuild")
        assert "Nothing has changed" in room.talk.answer(result).words
        assert room.current == room.workshop.upkeep.serving == old

    async def test_the_build_continues_what_the_index_is(self, room: Room) -> None:
        await room.index("rebuild", gallery="small")
        (command,) = room.workshop.builds.commands
        options = dict(pairwise(command))
        assert options["--gallery"] == str(room.workshop.gallery)
        assert (options["--face"], options["--trees"]) == ("largest", "4")

    @pytest.mark.parametrize("name", ["/etc", "../gallery", "unknown", "small/../small"])
    async def test_only_known_galleries_never_paths(self, room: Room, name: str) -> None:
        result = await room.index("rebuild", gallery=name)
        assert "There are no photos of a gallery" in room.talk.answer(result).words
        assert room.workshop.builds.commands == []

    async def test_misses_are_told(self, room: Room) -> None:
        save(draw(1).point(lambda _: 0), room.workshop.gallery / "Nobody" / "1.png")
        words = room.talk.answer(await room.index("rebuild")).words
        assert "1 could not be used" in words
        assert "Nobody/1.png" in words

    async def test_a_failure_is_told_to_the_admin_alone_and_the_old_version_stays(self, room: Room) -> None:
        old = room.current
        room.add_person(40)
        room.workshop.builds.how = ("crash",)
        result = await room.index("rebuild")
        words = room.talk.answer(result).words
        assert "The build of small has failed" in words
        assert "goes on answering" in words
        assert "on fire" not in words
        (aside,) = result.followups
        assert aside.ephemeral
        assert "RuntimeError: the disk is on fire" in aside.content
        assert str(room.workshop.gallery.parent) not in aside.content
        assert str(Path.cwd()) not in aside.content
        assert room.current == room.workshop.upkeep.serving == old
        assert "Person 03" in await room.names()

    async def test_a_failure_by_prefix_has_its_lines_with_it(self, room: Room) -> None:
        room.add_person(40)
        room.workshop.builds.how = ("crash",)
        (seen,) = await room.talk.ask("!rebuild", by=room.owner)
        assert "RuntimeError: the disk is on fire" in seen.words

    async def test_a_version_that_fails_its_check_is_not_taken_over(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = room.current
        room.add_person(40)
        monkeypatch.setattr("rvs.hot_swap._LEAST_FOUND", 2.0)
        words = room.talk.answer(await room.index("rebuild")).words
        assert "known people" in words
        assert room.current == room.workshop.upkeep.serving == old


class TestWhileItRuns:
    @pytest.fixture
    def held(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> HeldBuild:
        monkeypatch.setattr("rvs.discord_app.admin._EDIT_EVERY_S", 5.0)
        really = Job.ended_within

        async def ended_within(job: Job, seconds: float) -> bool:
            # Then time passes only when a test says so.
            waited: bool = await room.talk.env.external_wait(really(job, seconds), reason="a build goes on")
            return waited

        monkeypatch.setattr(Job, "ended_within", ended_within)
        build = HeldBuild(BuildProgress("embed", 300, 1200, 42.0, 21.4))
        build.may_end = _Parked(room)
        room.workshop.builds.held = build
        return build

    async def test_how_far_it_is(self, room: Room, held: HeldBuild) -> None:
        seen = room.talk.answer(await room.index("rebuild"))
        assert "embedding: 25%, 300 of 1,200, 42/s, about 21 s left" in seen.words
        assert list(seen.buttons) == ["Cancel"]
        assert "is being built" in await room.said("status")

    async def test_it_is_told_at_most_every_five_seconds(self, room: Room, held: HeldBuild) -> None:
        asked = await room.index("rebuild")
        edits = []
        for done, seconds in ((600, 4.5), (900, 1.0), (1000, 4.0)):
            held.progress = BuildProgress("embed", done, 1200)
            await room.talk.env.advance_time(seconds)
            edits.append(re.findall(r"[\d,]+ of", room.talk.answer(asked).words)[0])
        assert edits == ["300 of", "900 of", "900 of"]

    async def test_after_the_token_has_died_the_message_is_edited_as_the_bots_own(
        self, room: Room, held: HeldBuild
    ) -> None:
        asked = await room.index("rebuild")
        room.talk.env.inject_error("PATCH", "/webhooks/*", status=401, code=50027)
        held.progress = BuildProgress("verify", 0, 1)
        await room.talk.env.advance_time(6)
        assert "verifying" in room.talk.answer(asked).words

    async def test_the_end_is_told_anew_where_the_message_is_gone(self, room: Room, held: HeldBuild) -> None:
        await room.index("rebuild")
        room.talk.env.inject_error("PATCH", "/webhooks/*", status=401, code=50027)
        room.talk.env.inject_error("PATCH", "/channels/*", status=404, code=10008)
        await room.workshop.upkeep.cancel()
        await room.talk.env.settle()
        assert len(room.talk.said()) == 2
        assert "was cancelled" in room.in_channel()[-1].words

    async def test_one_at_a_time(self, room: Room, held: HeldBuild) -> None:
        await room.index("rebuild")
        second = await room.index("rebuild")
        assert "A build of small is running." in room.talk.answer(second).words
        assert len(room.workshop.builds.commands) == 1

    async def test_people_are_answered_meanwhile(self, room: Room, held: HeldBuild) -> None:
        await room.index("rebuild")
        assert "Person 03" in await room.names()

    async def test_the_cancel_button(self, room: Room, held: HeldBuild) -> None:
        asked = await room.index("rebuild")
        pressed = await room.talk.press(room.owner, room.talk.answer(asked), "Cancel")
        assert pressed.ephemeral
        assert room.talk.answer(pressed).words == CANCELLING
        assert held.cancelled
        assert "was cancelled" in room.talk.answer(asked).words
        assert room.talk.answer(asked).buttons == {}

    async def test_the_cancel_command(self, room: Room, held: HeldBuild) -> None:
        asked = await room.index("rebuild")
        assert await room.said("cancel") == "The build was cancelled."
        assert "was cancelled" in room.talk.answer(asked).words
        assert await room.said("cancel") == "No build is running."

    async def test_others_cannot_press_it(self, room: Room, held: HeldBuild) -> None:
        asked = await room.index("rebuild")
        pressed = await room.talk.press(room.manager, room.talk.answer(asked), "Cancel")
        assert pressed.ephemeral
        assert room.talk.answer(pressed).words == NOT_ALLOWED
        assert not held.cancelled

    async def test_the_button_after_a_restart(self, room: Room, held: HeldBuild) -> None:
        seen = room.talk.answer(await room.index("rebuild"))
        room.workshop.setup = replace(room.workshop.setup, settings={"admins": (room.owner.id,)})
        await room.talk.restart()
        pressed = await room.owner.click(seen.message, custom_id="look:index:cancel")
        assert pressed.ephemeral
        assert room.talk.answer(pressed).words == NOTHING_RUNS


class _Parked(asyncio.Event):
    """An event that the Discord in memory knows to come from outside."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room

    async def wait(self) -> bool:  # type: ignore[override]
        await self._room.talk.env.external_wait(super().wait(), reason="the build is held")
        return True


class TestOtherVersions:
    async def test_back_and_forth(self, room: Room) -> None:
        old = room.current
        room.add_person(40)
        await room.index("rebuild")
        new = room.current
        assert await room.said("rollback") == f"`{old}` answers now."
        assert room.workshop.upkeep.serving == room.current == old
        assert await room.said("activate", version=new) == f"`{new}` answers now."
        assert room.workshop.upkeep.serving == room.current == new
        assert await room.said("activate", version=new) == f"`{new}` answered already."

    async def test_there_is_nothing_before_the_first(self, room: Room) -> None:
        old = room.current
        words = await room.said("rollback")
        assert "in use before" in words
        assert str(room.workshop.settings.index_dir) not in words
        assert room.workshop.upkeep.serving == old

    @pytest.mark.parametrize("name", ["nothing", "../small", "."])
    async def test_a_version_that_is_not_there(self, room: Room, name: str) -> None:
        old = room.current
        assert "has no version" in await room.said("activate", version=name)
        assert room.workshop.upkeep.serving == room.current == old
