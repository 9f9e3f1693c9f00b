"""Commands are sent when they have changed, and only then."""

import logging
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands

from rvs.discord_app.sync import SyncRecord, commands_hash, sync_commands


class Tree(app_commands.CommandTree[discord.Client]):
    """A real tree whose sending is counted instead of done."""

    def __init__(self) -> None:
        super().__init__(discord.Client(intents=discord.Intents.none()))
        self.sent = 0
        self.trouble: Exception | None = None

    async def sync(self, *, guild: discord.abc.Snowflake | None = None) -> list[app_commands.AppCommand]:
        if self.trouble is not None:
            raise self.trouble
        self.sent += 1
        return []


async def about(interaction: discord.Interaction[Any]) -> None: ...


async def privacy(interaction: discord.Interaction[Any]) -> None: ...


async def of_message(interaction: discord.Interaction[Any], message: discord.Message) -> None: ...


async def of_user(interaction: discord.Interaction[Any], user: discord.User) -> None: ...


def tree(*, backwards: bool = False, describe: str = "About") -> Tree:
    commands: list[Any] = [
        app_commands.Command(name="about", description=describe, callback=about),
        app_commands.Command(name="privacy", description="Privacy", callback=privacy),
        app_commands.ContextMenu(name="Find lookalikes", callback=of_message),
        app_commands.ContextMenu(name="Lookalikes of avatar", callback=of_user),
    ]
    made = Tree()
    for command in reversed(commands) if backwards else commands:
        made.add_command(command)
    return made


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.levelname for entry in caplog.records if entry.name == "rvs.discord_app.sync"]


def test_the_hash_knows_no_order_of_commands_or_keys() -> None:
    first: list[dict[str, object]] = [{"name": "a", "type": 1}, {"name": "b", "type": 2}]
    second: list[dict[str, object]] = [{"type": 2, "name": "b"}, {"type": 1, "name": "a"}]
    assert commands_hash(first) == commands_hash(second)
    assert len(commands_hash(first)) == 64


def test_the_hash_sees_every_change() -> None:
    base: dict[str, object] = {"name": "a", "options": [{"name": "x"}, {"name": "y"}]}
    turned: dict[str, object] = {"name": "a", "options": [{"name": "y"}, {"name": "x"}]}
    others: list[list[dict[str, object]]] = [[], [base, base], [turned], [{**base, "nsfw": True}]]
    assert len({commands_hash(payloads) for payloads in [[base], *others]}) == 5


async def test_commands_are_sent_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="rvs")
    record = SyncRecord(tmp_path / "state")
    first, second = tree(), tree(backwards=True)
    assert await sync_commands(first, 7, record)
    assert not await sync_commands(second, 7, SyncRecord(tmp_path / "state"))
    assert (first.sent, second.sent) == (1, 0)
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["commands-7.sha256"]
    assert ours(caplog) == ["INFO", "INFO"]


async def test_changed_commands_and_other_applications_are_sent(tmp_path: Path) -> None:
    record = SyncRecord(tmp_path)
    assert await sync_commands(tree(), 7, record)
    assert await sync_commands(tree(), 8, record)
    assert await sync_commands(tree(describe="About it"), 7, record)
    assert not await sync_commands(tree(), 8, record)


async def test_a_missing_menu_is_a_change(tmp_path: Path) -> None:
    record = SyncRecord(tmp_path)
    await sync_commands(tree(), 7, record)
    fewer = tree()
    fewer.remove_command("Lookalikes of avatar", type=discord.AppCommandType.user)
    assert await sync_commands(fewer, 7, record)


async def test_force_sends_what_is_known(tmp_path: Path) -> None:
    record = SyncRecord(tmp_path)
    commands = tree()
    await sync_commands(commands, 7, record)
    assert await sync_commands(commands, 7, record, force=True)
    assert commands.sent == 2


async def test_what_was_not_sent_is_not_remembered(tmp_path: Path) -> None:
    record = SyncRecord(tmp_path)
    commands = tree()
    commands.trouble = ConnectionResetError("gone")
    with pytest.raises(ConnectionResetError):
        await sync_commands(commands, 7, record)
    commands.trouble = None
    assert await sync_commands(commands, 7, record)


async def test_an_unwritable_record_does_not_stop_the_bot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    assert await sync_commands(tree(), 7, SyncRecord(tmp_path / "state"))
    assert ours(caplog) == ["WARNING"]


@pytest.mark.parametrize("content", [b"", b"\xff", b"0" * 64])
def test_a_damaged_record_is_not_current(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "commands-7.sha256").write_bytes(content)
    assert not SyncRecord(tmp_path).is_current(7, commands_hash([]))
