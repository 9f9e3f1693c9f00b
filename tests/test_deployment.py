"""compose.yaml and the systemd unit agree with the image, the settings and the bot's exit codes."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rvs.discord_app.connection import MissingIntentError
from rvs.discord_app.portal import TokenRefusedError
from rvs.discord_app.run import exit_code
from rvs.discord_app.settings import DiscordSettings, load_discord_settings
from rvs.errors import ConfigError
from rvs.metrics import Metrics
from rvs.remote.settings import EngineSettings
from rvs.settings import Settings, load_settings, variable
from rvs.web.settings import ServeSettings
from tests.test_container import FINAL, ROOT, environment, tool, words_of

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
BOT: dict[str, Any] = COMPOSE["services"]["bot"]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "docs" / "alerts.yml").read_text(encoding="utf-8")
ALL = (Settings, DiscordSettings, ServeSettings, EngineSettings)
UNIT = (ROOT / "docs" / "lookalike.service").read_text(encoding="utf-8")


def unit(name: str) -> list[str]:
    """Every value that the unit gives to a name."""
    return re.findall(rf"^{name}=(.+)$", UNIT, re.MULTILINE)


def variables() -> set[str]:
    """Every variable of ours that these files set."""
    files = ("Dockerfile", "compose.yaml", "compose.replicas.yaml", "docs/lookalike.service")
    texts = [(ROOT / name).read_text() for name in files]
    return {name for text in texts for name in re.findall(r"\b(?:RVS|DISCORD)_[A-Z_]+(?=[=:])", text)}


def test_every_variable_is_a_setting() -> None:
    known = {variable(kind, name) for kind in ALL for name in kind.model_fields}
    assert {"RVS_OPS_PORT", "RVS_INDEX_DIR", "DISCORD_TOKEN_FILE"} <= variables()
    assert variables() <= known


def test_the_settings_of_the_image_make_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment(FINAL) | BOT["environment"]
    for name, value in given.items():
        if name.startswith(("RVS_", "DISCORD_")):
            monkeypatch.setenv(name, value)
    assert load_settings().ops_port > 0
    assert load_discord_settings().token_file == Path("/run/secrets/discord_token")


def test_compose_gives_the_bot_no_more_than_it_needs() -> None:
    assert BOT["read_only"] is True
    assert BOT["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in BOT["security_opt"]
    assert [mount.split(":")[0] for mount in BOT["tmpfs"]] == ["/tmp"]  # noqa: S108
    assert {"mem_limit", "cpus", "pids_limit"} <= BOT.keys()


def test_compose_and_the_image_agree() -> None:
    (volume,) = json.loads(words_of(FINAL, "VOLUME")[0])
    assert BOT["volumes"] == [f"lookalike:{volume}"]
    assert "lookalike" in COMPOSE["volumes"]
    port = environment(FINAL)["RVS_OPS_PORT"]
    assert BOT["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert BOT["secrets"] == list(COMPOSE["secrets"]) == ["discord_token"]


def test_as_many_threads_compute_as_there_are_cores_to_use() -> None:
    cores = int(BOT["environment"]["RVS_THREADS"])
    assert BOT["cpus"] == cores
    assert f"RVS_THREADS={cores}" in unit("Environment")
    assert unit("CPUQuota") == [f"{cores * 100}%"]


def test_there_is_time_to_stop() -> None:
    needed = DiscordSettings.model_fields["shutdown_seconds"].default
    assert float(BOT["stop_grace_period"].removesuffix("s")) > needed
    assert float(unit("TimeoutStopSec")[0]) > needed


def test_the_unit_gives_up_only_where_starting_again_changes_nothing() -> None:
    errors = (ConfigError(""), TokenRefusedError(""), MissingIntentError(""))
    assert unit("RestartPreventExitStatus") == [" ".join(str(exit_code(error)) for error in errors)]


def test_the_unit_is_what_systemd_understands(tmp_path: Path) -> None:
    # Only the program is not where it will be.
    copy = tmp_path / "lookalike.service"
    copy.write_text(UNIT.replace("/opt/lookalike/.venv/bin/python", sys.executable))
    verified = subprocess.run(
        [tool("systemd-analyze"), "verify", copy], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_first_start_of_the_unit_takes_the_index_that_comes_with_the_program(tmp_path: Path) -> None:
    _, _, script = shlex.split(unit("ExecStartPre")[0])
    taken = tmp_path / "state" / "index"

    def start() -> None:
        subprocess.run(
            ["/bin/sh", "-c", script], cwd=ROOT, env=os.environ | {"RVS_INDEX_DIR": str(taken)}, check=True
        )

    (taken / ".lfw").mkdir(parents=True)  # a copy that was cut short
    start()
    assert (taken / "lfw" / "current").read_text() == (ROOT / "index" / "lfw" / "current").read_text()
    (taken / "lfw" / "current").write_text("a version of one's own\n")
    before = sorted(taken.rglob("*"))
    start()
    assert sorted(taken.rglob("*")) == before
    assert (taken / "lfw" / "current").read_text() == "a version of one's own\n"


def test_every_number_is_explained() -> None:
    metrics = Metrics("0")
    metrics.watch_index("lfw", lambda: None)
    metrics.watch_rebuild(lambda: None)
    metrics.watch_gateway(bool, int)
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.registry.collect()
        if family.name.startswith("rvs_")
    }
    explained = set(re.findall(r"`(rvs_\w+)`", OPERATIONS))
    assert len(names) > 20
    assert explained == names


def test_for_every_alert_it_says_what_to_do() -> None:
    alerts = [rule["alert"] for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]]
    assert alerts
    assert set(re.findall(r"`(Lookalike\w+)`", OPERATIONS)) == set(alerts)


def test_what_is_scraped_is_what_is_served() -> None:
    (port,) = re.findall(r'targets: \["127\.0\.0\.1:(\d+)"\]', ALERTS)
    assert environment(FINAL)["RVS_OPS_PORT"] == port
    assert f"RVS_OPS_PORT={port}" in unit("Environment")


def test_the_variables_and_exit_codes_in_the_manual_are_right() -> None:
    known = {variable(kind, name) for kind in ALL for name in kind.model_fields}
    assert set(re.findall(r"\b(?:RVS|DISCORD)_[A-Z_]+\b", OPERATIONS)) <= known
    codes = re.findall(r"^\| (\d) \| (.+?) \|", OPERATIONS, re.MULTILINE)
    assert [code for code, _ in codes] == list("0123456")
