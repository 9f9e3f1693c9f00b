"""`rvs doctor --discord` against our own Discord, as a process."""

from pathlib import Path

from tests.transport.fake_discord import FakeDiscord
from tests.transport.process import BotProcess
from tests.transport.things import Permission


def doctor(
    discord: FakeDiscord, folder: Path, cache_dir: Path, environment: dict[str, str] | None = None
) -> BotProcess:
    """`python -m rvs doctor --discord`."""
    settings = {"RVS_CACHE_DIR": str(cache_dir), "RVS_DATA_DIR": str(folder), "COLUMNS": "200"}
    return BotProcess(
        Path("-m"),
        discord,
        folder,
        environment=settings | (environment or {}),
        arguments=("rvs", "doctor", "--discord"),
    )


async def test_a_server_with_all_permissions_is_fine(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    async with doctor(discord, tmp_path, cache_dir) as process:
        assert await process.wait() == 0
    assert "The test server: it may do all that it needs" in process.log
    assert "accepted: Lookalike, bot Lookalike" in process.log
    assert discord.world.token not in process.log


async def test_a_server_with_missing_permissions_is_named(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    poor = discord.add_guild("The poor server", discord.owner)
    poor.everyone &= ~(Permission.ATTACH_FILES | Permission.READ_MESSAGE_HISTORY)
    async with doctor(discord, tmp_path, cache_dir) as process:
        assert await process.wait() == 1
    assert "The poor server: it lacks attach files, read message history" in process.log
    assert "The test server: it may do all that it needs" in process.log


async def test_a_refused_token_is_said_and_not_shown(
    discord: FakeDiscord, cache_dir: Path, tmp_path: Path
) -> None:
    async with doctor(discord, tmp_path, cache_dir, {"DISCORD_TOKEN": "not-the-token"}) as process:
        assert await process.wait() == 1
    assert "Discord does not accept the token." in process.log
    assert "not-the-token" not in process.log


async def test_message_content_that_is_not_allowed_is_a_note(cache_dir: Path, tmp_path: Path) -> None:
    async with FakeDiscord(message_content="no") as discord, doctor(discord, tmp_path, cache_dir) as process:
        assert await process.wait() == 0
    assert "!lookalike works only as @mention lookalike" in process.log
