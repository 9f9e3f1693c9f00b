"""Which photo is meant, from messages as Discord sends them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from discord.components import _component_factory

from rvs.discord_app.errors import EXPIRED
from rvs.discord_app.photos import (
    has_other_files,
    is_picture,
    mentioned_id,
    photo_in_answer,
    photos_of,
    replied_to,
    required_photo,
)
from rvs.discord_app.ticket import FromAnswer, FromMessage
from rvs.errors import DownloadError, NotAnImageError

ORIGIN = "https://cdn.discordapp.com"


def attachment(name: str = "me.jpg", kind: str | None = "image/jpeg", size: int = 1000) -> discord.Attachment:
    payload: dict[str, Any] = {"id": "1", "filename": name, "size": size, "proxy_url": ""}
    payload["url"] = f"{ORIGIN}/attachments/1/1/{name}?ex=1"
    if kind is not None:
        payload["content_type"] = kind
    return discord.Attachment(data=cast("Any", payload), state=cast("Any", SimpleNamespace(http=None)))


@dataclass
class FakeChannel:
    """Finds one message, or fails as told."""

    id: int = 11
    found: object = None

    async def fetch_message(self, message_id: int) -> object:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@dataclass
class FakeMessage:
    """The parts of a message that say which photo is meant."""

    attachments: Sequence[discord.Attachment] = ()
    forwarded: Sequence[Sequence[discord.Attachment]] = ()
    components: Sequence[Any] = ()
    raw_mentions: Sequence[int] = ()
    reference: Any = None
    channel: FakeChannel = field(default_factory=FakeChannel)
    id: int = 22

    @property
    def message_snapshots(self) -> list[Any]:
        return [SimpleNamespace(attachments=one) for one in self.forwarded]

    @property
    def real(self) -> discord.Message:
        return cast("discord.Message", self)


class TestPicture:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("me.jpg", "image/jpeg"),
            ("me", "image/png"),
            ("IMG_1.HEIC", "application/octet-stream"),
            ("me.avif", None),
            ("me.JPEG", None),
            ("text.jpg", "text/plain"),
        ],
    )
    def test_what_may_be_a_picture_by_its_type_or_name(self, name: str, kind: str | None) -> None:
        assert is_picture(attachment(name, kind))

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("a.txt", "text/plain"), ("a.mp4", "video/mp4"), ("jpg", None), ("a.jpg.exe", None)],
    )
    def test_what_is_none(self, name: str, kind: str | None) -> None:
        assert not is_picture(attachment(name, kind))

    def test_a_slash_command_needs_one(self) -> None:
        assert required_photo(attachment()).source == FromAnswer()
        with pytest.raises(NotAnImageError, match="not a picture"):
            required_photo(attachment("a.txt", "text/plain"))

    def test_other_files_are_a_reason_only_when_there_is_no_picture(self) -> None:
        text = attachment("a.txt", "text/plain")
        assert has_other_files(FakeMessage([text]).real)
        assert not has_other_files(FakeMessage([text, attachment()]).real)
        assert not has_other_files(FakeMessage().real)


class TestPhotosOfAMessage:
    def test_its_own_come_before_forwarded_ones_and_are_counted_together(self) -> None:
        text = attachment("a.txt", "text/plain")
        message = FakeMessage([text, attachment("b.jpg")], [[attachment("c.jpg")], [attachment("d.jpg")]])
        found = photos_of(message.real, again=True)
        assert [photo.url.split("/")[-1] for photo in found] == ["b.jpg?ex=1", "c.jpg?ex=1", "d.jpg?ex=1"]
        assert [photo.source for photo in found] == [FromMessage(11, 22, index) for index in (1, 2, 3)]

    def test_one_that_cannot_be_read_again_has_to_be_in_the_answer(self) -> None:
        (photo,) = photos_of(FakeMessage([attachment()]).real, again=False)
        assert photo.source == FromAnswer()

    def test_size_and_spoiler_are_as_announced(self) -> None:
        plain, hidden = photos_of(
            FakeMessage([attachment(size=5), attachment("SPOILER_b.jpg")]).real, again=True
        )
        assert (plain.size_bytes, plain.spoiler) == (5, False)
        assert hidden.spoiler


class TestPhotoInAnAnswer:
    @staticmethod
    def answer(name: str, *, spoiler: bool = False) -> discord.Message:
        thumbnail = {
            "type": 11,
            "spoiler": spoiler,
            "media": {"url": f"{ORIGIN}/attachments/1/2/{name}?ex=1&hm=2", "proxy_url": ""},
        }
        text = {"type": 10, "content": "The photo."}
        section = {"type": 9, "components": [text], "accessory": thumbnail}
        container = {"type": 17, "components": [text, section]}
        return FakeMessage(components=[_component_factory(cast("Any", container), cast("Any", None))]).real

    def test_it_is_found_in_the_components(self) -> None:
        photo = photo_in_answer(self.answer("photo.jpg"))
        assert photo.url == f"{ORIGIN}/attachments/1/2/photo.jpg?ex=1&hm=2"
        assert (photo.source, photo.spoiler, photo.size_bytes) == (FromAnswer(), False, None)

    def test_it_stays_hidden(self) -> None:
        assert photo_in_answer(self.answer("photo.jpg", spoiler=True)).spoiler

    @pytest.mark.parametrize("name", ["lookalikes.jpg", "my-photo.jpg", "photo.jpg.exe"])
    def test_another_picture_is_not_taken_for_it(self, name: str) -> None:
        with pytest.raises(DownloadError) as failure:
            photo_in_answer(self.answer(name))
        assert failure.value.message == EXPIRED


class TestReferences:
    @staticmethod
    def reference(**fields: Any) -> Any:
        given = {"type": discord.MessageReferenceType.default, "resolved": None, "message_id": 5, **fields}
        return SimpleNamespace(**given)

    async def test_without_one_there_is_no_other_message(self) -> None:
        assert await replied_to(FakeMessage().real) is None

    async def test_a_forward_is_no_reply(self) -> None:
        reference = self.reference(type=discord.MessageReferenceType.forward)
        assert await replied_to(FakeMessage(reference=reference).real) is None

    async def test_what_discord_did_not_send_along_is_fetched(self) -> None:
        other = FakeMessage().real
        message = FakeMessage(reference=self.reference(), channel=FakeChannel(found=other))
        assert await replied_to(message.real) is other

    async def test_a_deleted_one_is_none(self) -> None:
        deleted = discord.NotFound(cast("Any", SimpleNamespace(status=404, reason="")), "gone")
        message = FakeMessage(reference=self.reference(), channel=FakeChannel(found=deleted))
        assert await replied_to(message.real) is None

    async def test_one_that_discord_does_not_give_is_told(self) -> None:
        refused = discord.Forbidden(cast("Any", SimpleNamespace(status=403, reason="")), "no")
        message = FakeMessage(reference=self.reference(), channel=FakeChannel(found=refused))
        with pytest.raises(DownloadError, match="could not be read"):
            await replied_to(message.real)


def test_the_bots_own_mention_does_not_count() -> None:
    assert mentioned_id(FakeMessage(raw_mentions=[7, 8, 9]).real, 7) == 8
    assert mentioned_id(FakeMessage(raw_mentions=[7]).real, 7) is None
