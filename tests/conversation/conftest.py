"""A running bot for each test. The engine is loaded once; bot, service and Discord are new every time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from simcord import Env

from rvs.answer import Served, load_served
from rvs.arrays import Pixels
from rvs.discord_app.asking import Desk
from rvs.discord_app.client import LookalikeBot
from rvs.discord_app.consent import Consents
from rvs.service import Service
from rvs.settings import load_settings
from tests.conversation.photos import Photos, make_photos
from tests.conversation.talk import (
    PATIENCE_S,
    TYPING_AFTER_S,
    Cdn,
    Setup,
    Talk,
    Workshop,
    as_discord_sends_it,
)


@pytest.fixture(scope="session")
def served(cache_dir: Path) -> Served:
    """The engine over the packaged networks and the committed index."""
    return load_served(load_settings(cache_dir=cache_dir))


@pytest.fixture(scope="session")
def photos(astronaut: Pixels) -> Photos:
    return make_photos(astronaut)


@pytest.fixture
def setup() -> Setup:
    return Setup()


@pytest.fixture
def installed_by_user() -> bool:
    """Whether a person has installed the bot for themselves, instead of the server."""
    return False


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rvs.discord_app.delivery._PAUSE_S", 0.01)
    # Here time stands still while a photo is on its way: whoever waits for its answer would wait for ever.
    monkeypatch.setattr("rvs.discord_app.turn_taking._PATIENCE_S", 0.0)
    monkeypatch.setattr("rvs.discord_app.replies._TYPING_AFTER_S", TYPING_AFTER_S)


@pytest.fixture
async def workshop(served: Served, setup: Setup, tmp_path: Path) -> AsyncIterator[Workshop]:
    service = Service(lambda: served, setup.service)
    if setup.started:
        await service.start()
    yield Workshop(setup, service, Cdn(), tmp_path / "discord")
    await service.close()


@pytest.fixture
def built(workshop: Workshop) -> tuple[LookalikeBot, Desk, Consents]:
    return workshop.build()


@pytest.fixture
def simcord_bot(built: tuple[LookalikeBot, Desk, Consents]) -> LookalikeBot:
    return built[0]


@pytest.fixture
def talk(
    simcord_env: Env,
    workshop: Workshop,
    built: tuple[LookalikeBot, Desk, Consents],
    installed_by_user: bool,
) -> Talk:
    """Alice, Bob and the bot in #general."""
    workshop.cdn.env = simcord_env
    simcord_env.settle_timeout = PATIENCE_S
    as_discord_sends_it(simcord_env, installed_by_user=installed_by_user)
    guild = simcord_env.create_guild()
    return Talk(
        env=simcord_env,
        cdn=workshop.cdn,
        workshop=workshop,
        desk=built[1],
        consents=built[2],
        guild=guild,
        channel=guild.create_text_channel("general"),
        alice=guild.add_member(simcord_env.create_user("alice")),
        bob=guild.add_member(simcord_env.create_user("bob")),
    )
