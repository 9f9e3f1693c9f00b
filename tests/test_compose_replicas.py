"""compose.replicas.yaml agrees with compose.yaml, the image, the settings and docs/haproxy.cfg."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rvs.remote.settings import load_engine_settings
from rvs.settings import load_settings
from rvs.web.settings import load_serve_settings
from tests.test_container import FINAL, ROOT, answering, environment
from tests.test_deployment import BOT, COMPOSE
from tests.web.behind_haproxy import BINARY, CONFIGURATION

FILE = ROOT / "compose.replicas.yaml"
REPLICAS: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = REPLICAS["services"]
ENGINES = {name: service for name, service in SERVICES.items() if name.startswith("engine-")}
PROXY: dict[str, Any] = SERVICES["proxy"]
HARDENING = ("read_only", "cap_drop", "security_opt", "restart", "logging")


def compose() -> list[str]:
    """The command that reads compose files."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode
        ):
            return command
    pytest.skip("docker compose is not installed (apt-get install docker-compose)")


def resolved(*files: str) -> dict[str, Any]:
    """What compose makes of these files together."""
    named = [word for file in files for word in ("-f", file)]
    read = subprocess.run(
        [*compose(), *named, "config"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
    services: dict[str, Any] = yaml.safe_load(read.stdout)["services"]
    return services


def test_compose_takes_the_two_files_together_and_the_bot_keeps_what_it_had() -> None:
    alone = resolved("compose.yaml")
    together = resolved("compose.yaml", "compose.replicas.yaml")
    assert set(alone) == {"bot"}
    assert set(together) == {"bot", "proxy", *ENGINES}
    bot = together["bot"]
    assert [secret["source"] for secret in bot["secrets"]] == ["discord_token", "engine_key"]
    assert alone["bot"]["environment"].items() < bot["environment"].items()
    assert all(bot[name] == alone["bot"][name] for name in (*HARDENING, "volumes", "ports"))


def test_two_copies_get_no_more_than_the_bot() -> None:
    assert len(ENGINES) == 2
    same = (
        *HARDENING,
        "image",
        "init",
        "tmpfs",
        "volumes",
        "mem_limit",
        "memswap_limit",
        "cpus",
        "pids_limit",
    )
    for engine in ENGINES.values():
        assert {name: engine[name] for name in same} == {name: BOT[name] for name in same}
        assert engine["secrets"] == ["engine_key"]
    for name in HARDENING:
        assert PROXY[name] == BOT[name]
    assert {"mem_limit", "cpus", "pids_limit"} <= PROXY.keys()


def test_the_copies_are_as_the_settings_want_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, two = ENGINES.values()
    assert one["environment"] == two["environment"]
    given = environment(FINAL) | one["environment"]
    for name, value in given.items():
        if name.startswith("RVS_"):
            monkeypatch.setenv(name, value)
    settings = load_serve_settings()
    secrets = REPLICAS["secrets"]["engine_key"]
    assert str(settings.key_file) == "/run/secrets/engine_key"
    assert one["entrypoint"] == ["rvs", "serve"]
    assert one["cpus"] == load_settings().threads
    # Docker asks at the port of the image's health check, /readyz, and kills who has not ended by then.
    assert load_settings().ops_port == int(environment(FINAL)["RVS_OPS_PORT"])
    assert "healthcheck" not in one
    assert (
        float(one["stop_grace_period"].removesuffix("s")) > settings.drain_seconds + settings.shutdown_seconds
    )
    assert secrets == {"file": "./secrets/engine_key"}
    assert Path(COMPOSE["secrets"]["discord_token"]["file"]).parent == Path(secrets["file"]).parent


def test_the_bot_asks_the_proxy_and_the_proxy_asks_every_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["bot"]["environment"].items():
        monkeypatch.setenv(name, value)
    engine = load_engine_settings()
    bind = PROXY["environment"]["LOOKALIKE_BIND"]
    assert engine.urls == (f"http://proxy{bind}",)
    assert engine.key_file == load_serve_settings(**_key_file()).key_file
    port = load_serve_settings().port
    asked = {PROXY["environment"][name] for name in ("LOOKALIKE_ONE", "LOOKALIKE_TWO")}
    assert asked == {f"{name}:{port}" for name in ENGINES}


def _key_file() -> dict[str, object]:
    return {"key_file": ENGINES["engine-one"]["environment"]["RVS_SERVE_KEY_FILE"]}


def test_nothing_is_open_but_to_this_machine() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert published.pop("proxy") == ["127.0.0.1:8080:8080"]
    assert published.pop("bot") == []
    ops_port = environment(FINAL)["RVS_OPS_PORT"]
    for ports in published.values():
        (port,) = ports
        assert re.fullmatch(rf"127\.0\.0\.1:\d+:{ops_port}", port)
    everything = [port for ports in published.values() for port in ports] + BOT["ports"]
    assert len(set(everything)) == len(everything)


@pytest.mark.skipif(BINARY is None, reason="haproxy is not installed (apt-get install haproxy)")
def test_the_proxy_takes_the_one_configuration_with_these_names() -> None:
    assert BINARY is not None
    (mounted,) = PROXY["volumes"]
    source, _, mode = mounted.split(":")
    assert (ROOT / source).samefile(CONFIGURATION)
    assert mode == "ro"
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(PROXY["environment"])
    checked = subprocess.run(
        [BINARY, "-c", "-f", CONFIGURATION],
        env=os.environ | PROXY["environment"],
        capture_output=True,
        text=True,
        check=False,
    )
    # It starts although names of containers are not known here: it looks them up again.
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_health_check_of_the_proxy_tells_ready_from_not_ready() -> None:
    test = PROXY["healthcheck"]["test"]
    assert test[0] == "CMD"
    bind = PROXY["environment"]["LOOKALIKE_BIND"]

    def health(port: int) -> bool:
        asked = [word.replace(f"127.0.0.1/{bind[1:]}", f"127.0.0.1/{port}") for word in test[1:]]
        assert asked != test[1:]
        return not subprocess.run(asked, capture_output=True, check=False).returncode

    with answering(200) as port:
        assert health(port)
    with answering(503) as port:
        assert not health(port)
    assert not health(port)  # nobody listens there any more
