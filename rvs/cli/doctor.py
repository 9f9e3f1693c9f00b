"""`rvs doctor`: what is installed, what would compute, which index would answer, and what is missing.

With `--discord` also what Discord says of the bot: its token, its intents, its permissions in each server.
"""

import asyncio
import importlib.metadata
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import typer
from rich.text import Text

from rvs.cli.terminal import JsonOption, out, print_json
from rvs.engine import gallery_photos, unconverted_networks
from rvs.errors import LookalikeError, SearchUnavailableError
from rvs.gallery.store import Store
from rvs.gallery.version import Version, open_version
from rvs.pipeline import parse_pipeline
from rvs.remote.settings import EngineSettings, load_engine_settings
from rvs.searching import searching_for
from rvs.settings import Settings, load_settings
from rvs.vectors.remote_index import RemoteIndex

_PACKAGES = (
    *("tensorflow-cpu", "tensorflow", "keras", "openvino", "onnxruntime", "retina-face"),
    *("annoy", "numpy", "pillow", "pillow-heif", "discord.py"),
)
_MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "bad": ("✗", "bold red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: `ok`, worth a `note`, or `bad` when `rvs find` would fail."""

    state: Literal["ok", "note", "bad"]
    subject: str
    words: str
    hint: str = ""


def doctor(
    discord: Annotated[
        bool, typer.Option("--discord", help="Ask Discord about the bot: token, intents, permissions.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check this installation; the exit code is 1 when something needed is missing."""
    engine = load_engine_settings()
    findings = list(examine(load_settings(), elsewhere=bool(engine.urls)))
    findings += asyncio.run(examine_engine(engine))
    if discord:
        findings += asyncio.run(examine_discord())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = out()
        for finding in findings:
            mark, colour = _MARKS[finding.state]
            console.print(
                Text(f"{mark} ", style=colour) + Text(f"{finding.subject:<10} {finding.words}"),
                soft_wrap=True,
            )
            if finding.hint:
                console.print(Text(f"  {'':<10} {finding.hint}", style="dim"), soft_wrap=True)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings, *, elsewhere: bool = False) -> Iterator[Finding]:
    """Every finding about an installation with these settings; of its engine only unless that is elsewhere."""
    yield Finding(
        "ok",
        "python",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )
    yield Finding("ok", "packages", ", ".join(_installed()))
    if not elsewhere:
        yield from _runtime(settings)
        yield from _pipeline(settings)
        yield from _index(settings)


def _installed() -> Iterator[str]:
    for package in _PACKAGES:
        try:
            yield f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            continue


def _runtime(settings: Settings) -> Iterator[Finding]:
    try:
        options = settings.inference_options()
    except LookalikeError as error:
        yield Finding("bad", "runtime", error.message, error.hint)
        return
    note = (
        ""
        if options.precision == "bf16"
        else " (this CPU has no bf16)"
        if settings.precision == "auto"
        else ""
    )
    yield Finding("ok", "runtime", f"{options.runtime}, {options.precision}{note}, {options.threads} threads")


def _pipeline(settings: Settings) -> Iterator[Finding]:
    try:
        name = parse_pipeline(settings.pipeline)
        missing = unconverted_networks(settings)
    except LookalikeError as error:
        yield Finding("bad", "pipeline", error.message, error.hint)
        return
    yield Finding("ok", "pipeline", str(name))
    if missing:
        words = f"{' and '.join(missing)} will be converted on first use (about 10 s each)"
        yield Finding("note", "networks", words)
    elif settings.inference_options().runtime == "openvino":
        yield Finding("ok", "networks", f"converted, in {settings.cache_dir}")


def _index(settings: Settings) -> Iterator[Finding]:
    try:
        fingerprint = parse_pipeline(settings.pipeline).fingerprint(settings.weights)
        version = open_version(Store(settings.index_dir / settings.index).current(), fingerprint=fingerprint)
    except LookalikeError as error:
        yield Finding("bad", "index", error.message, error.hint)
        return
    manifest = version.manifest
    yield Finding(
        "ok",
        "index",
        f"{settings.index} {manifest.version}: {manifest.photos:,} photos of {manifest.people:,} people, "
        f"recall@10 {manifest.forest.recall_at_10:.4f}, files as they were built",
    )
    yield from _search(settings, version)
    try:
        root = gallery_photos(settings).root
    except LookalikeError as error:
        yield Finding("bad", "photos", error.message, error.hint)
        return
    if root is None:
        yield Finding(
            "note",
            "photos",
            "the gallery's photos are not on this machine: the grid shows names only",
            "Fetch LFW's with `rvs lfw fetch`, or set RVS_LFW_DIR.",
        )
    else:
        yield Finding("ok", "photos", f"the gallery's photos are in {root}")


async def examine_engine(settings: EngineSettings) -> list[Finding]:
    """Every finding about an engine elsewhere; none when there is none."""
    if not settings.urls:
        return []
    from rvs.remote.replicas import Replicas  # noqa: PLC0415  # aiohttp, likewise

    replicas = Replicas(settings.urls, settings.key_text(), settings.seconds)
    replicas.open()
    try:
        await replicas.look()
    finally:
        await replicas.close()
    hint = (
        "Start `rvs serve` there; its /readyz says what is missing. RVS_ENGINE_URL says where the bot looks."
    )
    return [
        Finding("ok", "engine", f"{url} is ready")
        if up
        else Finding("bad", "engine", f"{url} is not ready, or cannot be reached", hint)
        for url, up in replicas.states.items()
    ]


def _search(settings: Settings, version: Version) -> Iterator[Finding]:
    """Whether the server that searches does, where there is one."""
    try:
        index = searching_for(settings).index(version)
        if not isinstance(index, RemoteIndex):
            return
        index.ping()
    except SearchUnavailableError as error:
        yield Finding("bad", "search", error.message, error.why)
    except LookalikeError as error:
        yield Finding("bad", "search", error.message, error.hint)
    else:
        yield Finding("ok", "search", f"{settings.search} answers, and has this version")


async def examine_discord() -> list[Finding]:
    """Every finding about the bot, as Discord sees it."""
    # Not at the top: discord.py takes half a second, which no other command should wait for.
    import aiohttp  # noqa: PLC0415

    from rvs.discord_app.portal import ask_application, ask_servers, invite_url  # noqa: PLC0415
    from rvs.discord_app.settings import load_discord_settings  # noqa: PLC0415

    findings: list[Finding] = []
    try:
        settings = load_discord_settings()
        token = settings.token_text()
        async with aiohttp.ClientSession() as session:
            application = await ask_application(session, settings.api, token)
            findings.append(
                Finding("ok", "token", f"accepted: {application.name}, bot {application.bot_name}")
            )
            findings.append(_intent(application.message_content, settings.message_content, settings.prefix))
            servers = await ask_servers(session, settings.api, token)
    except LookalikeError as error:
        findings.append(Finding("bad", "discord", error.message, error.hint))
        return findings
    for server in servers:
        if server.missing:
            lacking = ", ".join(name.replace("_", " ") for name in server.missing)
            hint = "Give the bot's role these permissions, or invite it again with the link below."
            findings.append(Finding("bad", "server", f"{server.name}: it lacks {lacking}", hint))
        else:
            findings.append(Finding("ok", "server", f"{server.name}: it may do all that it needs"))
    if not servers:
        findings.append(
            Finding("note", "server", "the bot is in no server yet", "Invite it with the link below.")
        )
    public = "anybody can use it" if application.public else "only the application's owner can use it"
    findings.append(Finding("ok", "invite", f"{invite_url(application.id)} ({public})"))
    return findings


def _intent(allowed: bool, wanted: str, prefix: str) -> Finding:
    if wanted == "off":
        return Finding("ok", "intent", "messages are not read, by RVS_DISCORD_MESSAGE_CONTENT=off")
    if allowed:
        return Finding("ok", "intent", f"messages may be read: {prefix}lookalike works")
    hint = "Switch on Message Content Intent in the developer portal (Bot)."
    if wanted == "on":
        return Finding("bad", "intent", "messages may not be read, but RVS_DISCORD_MESSAGE_CONTENT=on", hint)
    words = f"messages may not be read: {prefix}lookalike works only as @mention lookalike; /lookalike always does"
    return Finding("note", "intent", words, hint)
