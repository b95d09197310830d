"""The mixin, evaluated by jsonnet itself as a kube-prometheus user would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from required_tool import required_module

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"
BESIDE_ANOTHER = """
local another = {
  prometheusAlerts+:: { groups+: [{ name: 'theirs', rules: [] }] },
  grafanaDashboards+:: { 'theirs.json': {} },
};
local all = another + (import 'mixin.libsonnet');
{ rules: all.prometheusRules, alerts: all.prometheusAlerts, dashboards: all.grafanaDashboards }
"""


def evaluated(program: str) -> Any:
    """What a jsonnet program in grafana/ gives."""
    jsonnet = required_module("_jsonnet")
    return json.loads(jsonnet.evaluate_snippet("test.jsonnet", program, jpathdir=[str(GRAFANA)]))


def test_one_line_brings_every_rule_alert_and_dashboard_beside_another_mixin_s() -> None:
    """The three fields that kube-prometheus and the monitoring mixins read; nothing of the other mixin is replaced."""
    found = evaluated(BESIDE_ANOTHER)
    rules = GRAFANA / "prometheus" / "rules"
    assert found["rules"] == yaml.safe_load((rules / "costmeter-recording.yml").read_text())
    theirs, *ours = found["alerts"]["groups"]
    assert theirs["name"] == "theirs"
    assert ours == yaml.safe_load((rules / "costmeter-alerts.yml").read_text())["groups"]
    dashboards = {path.name: json.loads(path.read_text()) for path in (GRAFANA / "dashboards").iterdir()}
    assert found["dashboards"] == {"theirs.json": {}} | dashboards


def test_alone_it_shows_nothing_of_its_own() -> None:
    """All fields are hidden, as in every mixin: nothing is manifested that was not asked for."""
    assert evaluated("import 'mixin.libsonnet'") == {}
