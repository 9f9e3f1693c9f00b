"""The real bot over vectors in a PostgreSQL that is away at first, then there, then killed."""

import asyncio
from pathlib import Path

from rvs.gallery.publish import Publisher
from tests.gallery.some_of_lfw import some_of_lfw
from tests.search_servers import Postgres
from tests.transport.fake_discord import FakeDiscord
from tests.transport.questions import GRID, ask, start, started
from tests.transport.test_bot_operations import Endpoint


async def test_the_bot_stays_up_while_there_is_no_search_and_goes_on_without_a_restart(
    discord: FakeDiscord, portrait: bytes, cache_dir: Path, tmp_path: Path, postgres: Postgres
) -> None:
    from rvs.vectors.pgvector_index import PgVector  # noqa: PLC0415

    store = some_of_lfw(tmp_path / "index" / "lfw")
    Publisher(PgVector(postgres.dsn)).publish(store.open_current(), lambda *_: None)
    endpoint = Endpoint()
    environment = endpoint.environment | {
        "RVS_INDEX_DIR": str(tmp_path / "index"),
        "RVS_SEARCH": "pgvector",
        "RVS_PGVECTOR_DSN": f"{postgres.dsn} password=opensesame",
    }

    async def said() -> str:
        return (await discord.wait_for_reply(await ask(discord, portrait))).text

    postgres.kill()
    try:
        async with start(discord, tmp_path, cache_dir, environment) as bot:
            await started(bot)
            async with asyncio.timeout(60):
                while await endpoint.failing_once(503) != ["search"]:
                    await asyncio.sleep(0.05)
            assert "Search is not available right now. Try again in a minute." in await said()
            await bot.line("error=search: PostgreSQL at")
            postgres.start()
            assert await endpoint.failing_once(200) == []
            found = await discord.wait_for_reply(await ask(discord, portrait))
            assert found.file(GRID).data.startswith(b"\xff\xd8")
            postgres.kill()
            assert "Search is not available right now." in await said()
            assert await endpoint.failing_once(503) == ["search"]
            assert await endpoint.number('rvs_queries_total{code="search",outcome="failed"}') == 2
            bot.terminate()
            assert await bot.wait() == 0
        assert "opensesame" not in bot.log
        assert "Traceback" not in bot.log
    finally:
        postgres.start()
