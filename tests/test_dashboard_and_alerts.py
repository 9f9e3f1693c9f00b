"""The dashboard and the alert rules ask only for numbers that there are, and for all of them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rvs.errors import NoFaceError
from rvs.metrics import Metrics
from rvs.service import ServiceLimits
from rvs.watched import AnsweringIndex
from tests.test_metrics import MANIFEST, Counters

DOCS = Path(__file__).parent.parent / "docs"
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
WORDS_OF_PROMQL = {
    *("absent", "changes", "histogram_quantile", "increase", "rate", "sum"),
    *("and", "by", "on", "or"),
}
# Prometheus itself gives every target these.
GIVEN = {"up": {"job", "instance"}}
EVERY_SAMPLE = {"job", "instance"}


@dataclass(frozen=True, slots=True)
class Rule:
    alert: str
    expr: str
    waits: str
    severity: str
    summary: str
    description: str


def rules() -> list[Rule]:
    """The rules of docs/alerts.yml, which is written in the one way that this reads."""
    text = (DOCS / "alerts.yml").read_text(encoding="utf-8")
    head, *blocks = re.split(r"^      - alert: ", text, flags=re.MULTILINE)
    lines = [line for line in head.splitlines() if not line.startswith("#")]
    assert lines == ["groups:", "  - name: lookalike", "    rules:"]
    form = re.compile(
        r"(?P<alert>\w+)\n"
        r"        expr: '(?P<expr>[^'\n]+)'\n"
        r"        for: (?P<waits>\d+[mh])\n"
        r"        labels:\n"
        r"          severity: (?P<severity>\w+)\n"
        r"        annotations:\n"
        r'          summary: "(?P<summary>[^"\\\n]+)"\n'
        r'          description: "(?P<description>[^"\\\n]+)"\n'
    )
    found = [form.fullmatch(block) for block in blocks]
    assert all(found), blocks[found.index(None)]
    return [Rule(**one.groupdict()) for one in found if one]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def expressions() -> list[str]:
    return [rule.expr for rule in rules()] + queries()


@pytest.fixture(scope="module")
def known() -> dict[str, dict[str, set[str]]]:
    """Every sample there is after a busy day: its labels, and the values each has."""
    metrics = Metrics("1.2.3")
    metrics.query(1)
    metrics.query(1, NoFaceError("none"))
    metrics.query(1, ZeroDivisionError())
    metrics.stage("search", 0.1)
    metrics.loop_lag(0.1)
    metrics.rebuild_ended()
    metrics.watch_rebuild(lambda: ("embed", 0.5))
    metrics.watch_service(Counters(), ServiceLimits())
    metrics.watch_index("lfw", lambda: AnsweringIndex(MANIFEST, 0.99))
    metrics.watch_gateway(lambda: True, lambda: 3)
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def selectors(expression: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The metrics that an expression names, each with what it demands of labels."""
    without_groups = re.sub(r"\b(by|on) \([\w, ]+\)", "", expression)
    named = re.findall(r"\b([a-zA-Z_]\w*)(?:\{([^}]*)\})?(?![\w(])", re.sub(r"\[[^]]*\]", "", without_groups))
    return [
        (name, re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', demands))
        for name, demands in named
        if name not in WORDS_OF_PROMQL
    ]


@pytest.mark.parametrize("expression", expressions())
def test_it_asks_only_for_numbers_and_labels_there_are(
    expression: str, known: dict[str, dict[str, set[str]]]
) -> None:
    asked = selectors(expression)
    assert asked
    for name, demands in asked:
        assert name in known.keys() | GIVEN.keys()
        labels = known.get(name, {})
        for label, how, value in demands:
            assert label in labels.keys() | EVERY_SAMPLE | GIVEN.get(name, set()), name
            # A code has one value for each error; which those are is `errors` to say.
            if how in ("=", "!=") and label in ("outcome", "stage"):
                assert value in labels[label], name
    for group in re.findall(r"\b(?:by|on) \(([\w, ]+)\)", expression):
        assert set(group.split(", ")) <= EVERY_SAMPLE.union(*(known.get(name, {}) for name, _ in asked))


@pytest.mark.parametrize("expression", expressions())
def test_brackets_are_closed_and_counters_are_rates(expression: str) -> None:
    opened: list[str] = []
    for one in re.sub(r'"[^"]*"', "", expression):
        if one in "([{":
            opened.append({"(": ")", "[": "]", "{": "}"}[one])
        elif one in ")]}":
            assert opened.pop() == one
    assert opened == []
    for counter in re.finditer(r"\w+_(?:total|bucket|sum)\b(?:\{[^}]*\})?", expression):
        before, after = expression[: counter.start()], expression[counter.end() :]
        assert before.endswith(("rate(", "increase("))
        assert after.startswith("[")


def test_a_name_that_is_not_there_would_be_seen(known: dict[str, dict[str, set[str]]]) -> None:
    asked = selectors(
        'sum by (code) (rate(rvs_querys_total{outcome="failed"}[5m])) / rvs_workers > 0.05 and up == 0'
    )
    assert asked == [("rvs_querys_total", [("outcome", "=", "failed")]), ("rvs_workers", []), ("up", [])]
    assert "rvs_querys_total" not in known
    assert {"rvs_queries_total", "rvs_query_seconds_bucket", "process_start_time_seconds"} <= known.keys()


def test_every_number_is_on_the_dashboard(known: dict[str, dict[str, set[str]]]) -> None:
    def family(name: str) -> str:
        return re.sub(r"_(bucket|count|sum|created|total)$", "", name)

    shown = {family(name) for query in queries() for name, _ in selectors(query)}
    assert {family(name) for name in known} == shown


def test_the_dashboard_is_one_that_can_be_imported() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["source", "instance"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${source}"
        assert all('instance=~"$instance"' in target["expr"] for target in panel["targets"])


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    found = rules()
    assert len({rule.alert for rule in found}) == len(found) > 10
    assert all(rule.alert.startswith("Lookalike") for rule in found)
    assert {rule.severity for rule in found} == {"critical", "warning"}
    assert all(text.endswith(".") for rule in found for text in (rule.summary, rule.description))
