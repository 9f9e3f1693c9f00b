"""What the fake's file server and its checks do, asked without a bot."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.transport.fake_discord import FakeDiscord
from tests.transport.payloads import attachment_url
from tests.transport.server import API
from tests.transport.things import Permission

V2 = 1 << 15
FILES = "/attachments/*"


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake


@pytest.fixture
async def client(discord: FakeDiscord) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bot {discord.world.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


@pytest.fixture
async def url(discord: FakeDiscord) -> str:
    """A file of 5,000 bytes."""
    message = await discord.post(discord.channel, discord.person, attachments=[("a.bin", bytes(5000))])
    return attachment_url(discord.world, message.files[0])


async def send(
    discord: FakeDiscord, client: aiohttp.ClientSession, payload: dict[str, Any], *files: str
) -> tuple[int, int]:
    """Post a message with files of these names; status and Discord's number."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", json.dumps(payload))
    for index, name in enumerate(files):
        form.add_field(f"files[{index}]", b"data", filename=name)
    address = f"{discord.world.origin}{API}/channels/{discord.channel.id}/messages"
    body: dict[str, Any] = {"data": form} if files else {"json": payload}
    async with client.post(address, **body) as response:
        return response.status, (await response.json()).get("code", 0)


async def test_a_link_needs_its_signature(
    discord: FakeDiscord, client: aiohttp.ClientSession, url: str
) -> None:
    async with client.get(url) as response:
        assert (response.status, await response.read()) == (200, bytes(5000))
    async with client.get(url.partition("?")[0]) as response:
        assert response.status == 404


async def test_the_files_of_a_deleted_message_are_gone(
    discord: FakeDiscord, client: aiohttp.ClientSession, url: str
) -> None:
    await discord.delete(next(iter(discord.world.messages.values())))
    async with client.get(url) as response:
        assert response.status == 404


async def test_a_file_can_be_larger_than_announced(
    discord: FakeDiscord, client: aiohttp.ClientSession, url: str
) -> None:
    discord.faults.add("GET", FILES, extra_bytes=1000)
    async with client.get(url) as response:
        assert response.content_length is None
        assert len(await response.read()) == 6000


async def test_a_length_can_lie(discord: FakeDiscord, client: aiohttp.ClientSession, url: str) -> None:
    discord.faults.add("GET", FILES, announce_bytes=9000)
    async with client.get(url) as response:
        assert response.content_length == 9000
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_file_can_trickle(discord: FakeDiscord, client: aiohttp.ClientSession, url: str) -> None:
    discord.faults.add("GET", FILES, trickle_s=60)
    async with client.get(url) as response:
        assert len(await response.content.readexactly(1024)) == 1024
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await response.content.readexactly(1)


async def test_a_file_can_be_elsewhere(discord: FakeDiscord, client: aiohttp.ClientSession, url: str) -> None:
    discord.faults.add("GET", FILES, redirect_to="http://192.0.2.1/secret")
    async with client.get(url, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "http://192.0.2.1/secret")


async def test_a_fault_is_used_up(discord: FakeDiscord, client: aiohttp.ClientSession, url: str) -> None:
    fault = discord.faults.add("GET", FILES, status=404, times=2)
    for status in (404, 404, 200):
        async with client.get(url) as response:
            assert response.status == status
    assert fault.used == 2


async def test_an_unknown_route_is_noted(discord: FakeDiscord, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{discord.world.origin}{API}/users/@me/nonsense") as response:
        assert (response.status, (await response.json())["code"]) == (404, 0)
    assert discord.unknown_routes == ["GET /api/v10/users/@me/nonsense"]


async def test_what_is_no_json_is_refused(discord: FakeDiscord, client: aiohttp.ClientSession) -> None:
    address = f"{discord.world.origin}{API}/channels/{discord.channel.id}/messages"
    async with client.post(address, data=b"{") as response:
        assert (response.status, (await response.json())["code"]) == (400, 50109)


async def test_json_has_no_charset(discord: FakeDiscord, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{discord.world.origin}{API}/users/@me") as response:
        assert response.headers["Content-Type"] == "application/json"


def gallery(*addresses: str) -> dict[str, Any]:
    return {"type": 12, "items": [{"media": {"url": address}} for address in addresses]}


TEXT = {"type": 10, "content": "hello"}
BUTTON = {"type": 2, "style": 1, "label": "Go", "custom_id": "go"}
REFUSED: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"content": "hello", "flags": V2, "components": [TEXT]}, (400, 50035)),
    ({"components": [TEXT]}, (400, 50035)),
    ({"flags": V2, "components": [gallery("attachment://missing.png")]}, (400, 50035)),
    ({"flags": V2, "components": [gallery()]}, (400, 50035)),
    ({"flags": V2, "components": [gallery(*["https://example.com/a.png"] * 11)]}, (400, 50035)),
    ({"flags": V2, "components": [TEXT] * 41}, (400, 50035)),
    ({"flags": V2, "components": [{"type": 10, "content": "x" * 4001}]}, (400, 50035)),
    ({"components": [{"type": 1, "components": [BUTTON, BUTTON]}]}, (400, 50035)),
    ({"components": [{"type": 1, "components": [BUTTON | {"custom_id": "x" * 101}]}]}, (400, 50035)),
    ({"content": "x" * 2001}, (400, 50035)),
    ({"content": ""}, (400, 50006)),
]


@pytest.mark.parametrize(("payload", "refusal"), REFUSED)
async def test_bad_forms_are_refused(
    payload: dict[str, Any], refusal: tuple[int, int], discord: FakeDiscord, client: aiohttp.ClientSession
) -> None:
    assert await send(discord, client, payload) == refusal
    assert not discord.world.messages


async def test_good_components_are_taken(discord: FakeDiscord, client: aiohttp.ClientSession) -> None:
    section = {
        "type": 9,
        "components": [TEXT],
        "accessory": {"type": 11, "media": {"url": "attachment://b.png"}},
    }
    rows = {"type": 1, "components": [BUTTON]}
    parts = [{"type": 17, "components": [TEXT, gallery("attachment://a.png"), section, rows]}]
    payload = {"flags": V2, "components": parts}
    assert await send(discord, client, payload, "a.png", "b.png", "c.txt") == (200, 0)
    (message,) = discord.world.messages.values()
    assert [file.filename for file in message.files if file.id not in message.shown] == ["c.txt"]
    assert message.control("Go")["custom_id"] == "go"


@pytest.mark.parametrize(
    ("denied", "code"),
    [
        (Permission.VIEW_CHANNEL, 50001),
        (Permission.SEND_MESSAGES, 50013),
        (Permission.ATTACH_FILES, 50013),
    ],
)
async def test_what_is_denied_is_refused(
    denied: Permission, code: int, discord: FakeDiscord, client: aiohttp.ClientSession
) -> None:
    await discord.deny(discord.channel, denied)
    assert await send(discord, client, {}, "a.png") == (403, code)


async def test_closed_direct_messages_are_refused(
    discord: FakeDiscord, client: aiohttp.ClientSession
) -> None:
    discord.person.accepts_dms = False
    address = f"{discord.world.origin}{API}/channels/{discord.dm(discord.person).id}/messages"
    async with client.post(address, json={"content": "hello"}) as response:
        assert (response.status, (await response.json())["code"]) == (403, 50007)
