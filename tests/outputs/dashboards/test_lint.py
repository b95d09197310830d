"""The rules of Grafana's dashboard-linter (its rules as of 2026-06-18), held on the committed dashboards."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from required_tool import required_tool

from scripts.panels.queries import annotation_queries, dashboards, panels, queries
from vllm_costmeter.outputs.dashboards.api_panels import API_EQUIVALENT
from vllm_costmeter.outputs.dashboards.promql import labels_of

ALL = list(dashboards())
PANELS = [(dashboard, panel) for dashboard in ALL for panel in panels(dashboard)]
TARGETS = [
    (f"{dashboard['uid']}: {panel['title']} {target['refId']}", target["expr"])
    for dashboard, panel in PANELS
    for target in panel["targets"]
]
UNITS = {"currencyUSD", "bytes", "short", "percentunit", "watt", "joule", "m", "none", "suffix: times"}
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
NAME = re.compile(r"\b(?:costmeter_|vllm:)\w+")

each_dashboard = pytest.mark.parametrize("dashboard", ALL, ids=[dashboard["uid"] for dashboard in ALL])
each_panel = pytest.mark.parametrize(
    ("dashboard", "panel"), PANELS, ids=[f"{d['uid']}: {p['title']}" for d, p in PANELS]
)
each_target = pytest.mark.parametrize(
    "expression", [text for _, text in TARGETS], ids=[n for n, _ in TARGETS]
)


def variable(dashboard: dict[str, Any], name: str) -> dict[str, Any]:
    """The variable of that name."""
    return next(found for found in dashboard["templating"]["list"] if found["name"] == name)


@each_dashboard
def test_the_data_source_is_a_variable(dashboard: dict[str, Any]) -> None:
    """template-datasource-rule: one variable named datasource, labelled `Data source`, of type prometheus."""
    sources = [found for found in dashboard["templating"]["list"] if found["type"] == "datasource"]
    assert [(s["name"], s["label"], s["query"]) for s in sources] == [
        ("datasource", "Data source", "prometheus")
    ]


@each_dashboard
@pytest.mark.parametrize("name", ["job", "instance"])
def test_job_and_instance_are_variables(dashboard: dict[str, Any], name: str) -> None:
    """template-job-rule, template-instance-rule: a query on the chosen data source, multi-select, all is `.+`."""
    found = variable(dashboard, name)
    assert found["type"] == "query"
    assert found["datasource"]["uid"] == "${datasource}"
    assert found["label"] == name.title()
    assert found["multi"]
    assert found["includeAll"]
    assert found["allValue"] == ".+"


@each_dashboard
def test_variables_reload_when_the_time_range_changes(dashboard: dict[str, Any]) -> None:
    """template-on-time-change-reload-rule: yesterday's servers are there to choose when looking at yesterday."""
    asked = [found for found in dashboard["templating"]["list"] if found["type"] == "query"]
    assert {found["refresh"] for found in asked} == {2}


@each_dashboard
def test_it_is_not_editable_and_not_tied_to_one_grafana(dashboard: dict[str, Any]) -> None:
    """uneditable-dashboard; no numeric id, and panel ids are unique."""
    assert dashboard["editable"] is False
    assert "id" not in dashboard
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))


@each_dashboard
def test_panels_fill_the_grid_without_overlap(dashboard: dict[str, Any]) -> None:
    """Every row of panels is 24 columns wide, none narrower than 4: at 1280 px a number still has room."""
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert at["w"] >= 4
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len(taken) == 24 * (1 + max(y for _, y in taken)), "there is a hole"


@each_panel
def test_a_panel_says_what_it_shows(dashboard: dict[str, Any], panel: dict[str, Any]) -> None:
    """panel-title-description-rule, panel-units-rule, panel-datasource-rule, panel-no-targets-rule; and what an empty
    answer means, because a GPU or a price may be missing."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert defaults["noValue"]


@each_target
def test_a_query_keeps_to_the_chosen_servers(expression: str) -> None:
    """target-job-rule, target-instance-rule: every selector has both, and the cluster; and the model, wherever the
    metric has one. A metric without one leaves out the servers of other models."""
    names = NAME.findall(expression)
    found = SELECTOR.findall(expression)
    assert len(found) == len(names) > 0, "a metric without a selector"
    for metric, matchers in found:
        assert 'cluster=~"$cluster", job=~"$job", instance=~"$instance"' in matchers
        assert bool(re.search('model_name[=!]~"[$]model"', matchers)) == ("model_name" in labels_of(metric))
    for metric, _ in found:
        if "model_name" not in labels_of(metric) and 'model_name!~"$model"' not in expression:
            assert f"(count_over_time({metric}{{" in expression, "neither narrowed nor a factor of what is"


@each_target
def test_a_server_is_told_by_its_cluster_job_and_instance(expression: str) -> None:
    """An instance alone, localhost:8000, may be several servers: no join and no sum goes by it."""
    for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        assert "instance" not in labels or {"cluster", "job", "instance"} <= set(labels.split(", "))


@each_target
def test_both_sides_of_a_price_are_of_the_same_servers(expression: str) -> None:
    """Tokens and GPU seconds under dollars or joules are of servers that have some. (Those that an API charges for are
    held by test_numbers.)"""
    dividend, _, divisor = expression.partition(" / (sum")
    if "_usd_total{" in dividend or "_joules_total{" in dividend:
        counted = re.findall(r"costmeter_(?:tokens|gpu_seconds)_total(\{[^}]*\}\[[^]]*\]\).{4})", divisor)
        for text in counted if API_EQUIVALENT not in expression else ():
            assert text.endswith(" and") or "model_name!~" in text, text


@each_target
def test_a_query_takes_rates_of_counters_over_the_right_window(expression: str) -> None:
    """target-rate-interval-rule and target-counter-agg-rule, and stricter: a counter occurs only inside rate over
    `$__rate_interval` or increase over `$__range`, and nothing but a counter does; but for errors, of which the first
    counts, and for the presence of other models' servers."""
    ranged = re.findall(r"(\w+)\(([\w:]+)\{[^}]*\}\[([^\]]+)\](?: offset \$__range)?\)", expression)
    counters = [
        name for name in NAME.findall(expression) if name.endswith(("_total", "_sum", "_count", "_bucket"))
    ]
    present = re.findall(r"unless on \([\w, ]+\) (costmeter_gpu_seconds_total)\{", expression)
    grown = [name for how, name, _ in ranged if how in ("rate", "increase")]
    held = [name for how, name, _ in ranged if how in ("max_over_time", "last_over_time")]
    assert set(held) <= {"costmeter_errors_total"}
    assert sorted([*grown, *held, *present]) == sorted(counters)
    assert {(how, window) for how, _, window in ranged} <= {
        ("rate", "$__rate_interval"),
        *((how, "$__range") for how in ("increase", "count_over_time", "max_over_time", "last_over_time")),
    }
    assert expression.count("[") == len(ranged)


@each_target
def test_a_query_divides_only_by_what_is_above_zero(expression: str) -> None:
    """Sums first, then divide; no tokens is no sample, never infinity."""
    for divisor in re.findall(r" / (?:on \([\w, ]+\) group_left \(\) )?(\S+)", expression):
        assert divisor.rstrip(")").isdecimal() or divisor.startswith("("), expression
    assert "avg(" not in expression


def test_every_query_parses(tmp_path: Path) -> None:
    """target-promql-rule: promtool accepts every expression of every panel and annotation."""
    promtool = required_tool("promtool")
    expressions = [asked.expression for dashboard in ALL for asked in queries(dashboard)]
    expressions += [text for dashboard in ALL for _, text in annotation_queries(dashboard)]
    rules = [{"record": f"a{number}", "expr": text} for number, text in enumerate(expressions)]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
