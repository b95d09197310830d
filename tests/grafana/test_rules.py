"""Recording rules and alerts: generated, accepted by Prometheus, and every one of them tried."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from promtool import promtool

from vllm_costmeter.outputs.metrics.table import BY_NAME
from vllm_costmeter.outputs.rules.alerts import alert_groups
from vllm_costmeter.outputs.rules.files import rule_files
from vllm_costmeter.outputs.rules.limits import Limits
from vllm_costmeter.outputs.rules.recording import recording_groups
from vllm_costmeter.outputs.rules.rule import Alert, Group, Recording, as_rule_file

PROMETHEUS = Path(__file__).resolve().parents[2] / "grafana" / "prometheus"
RULES = {path.name: path.read_text() for path in (PROMETHEUS / "rules").iterdir()}
CASES = sorted((PROMETHEUS / "tests").glob("*_test.yml"))
SLOW = ("month_test.yml", "alerts_test.yml", "recording_test.yml")  # thousands of evaluations each
RECORDED = [rule for group in recording_groups() for rule in group.rules if isinstance(rule, Recording)]
ALERTS = [rule for group in alert_groups(Limits()) for rule in group.rules if isinstance(rule, Alert)]


def asked() -> list[dict[str, Any]]:
    """Every expression that promtool's tests ask for, with what they expect."""
    tests = [test for case in CASES for test in yaml.safe_load(case.read_text())["tests"]]
    return [question for test in tests for question in test.get("promql_expr_test", [])]


def test_committed_rules_are_what_the_code_generates() -> None:
    """`costmeter rules grafana/prometheus/rules` changes nothing."""
    assert rule_files(Limits()) == RULES


def test_the_yaml_says_what_the_rules_say() -> None:
    """Read back, the text is the rules: nothing is lost in quotes or line ends."""
    group = Group(
        "g",
        (
            Recording("a:b", 'x{y=~"z"}\n+ 1', (("per", "all"),)),
            Alert("A", "x > 1", "5m", "warning", 'he said: "no"', "5 % #1, {{ $value }}", "- look\\here"),
        ),
    )
    read = yaml.safe_load(as_rule_file([group], "two\nlines"))
    assert read == {"groups": [group.fields()]}


def test_prometheus_accepts_the_rules() -> None:
    """`promtool check rules`."""
    promtool("check", "rules", *(PROMETHEUS / "rules").iterdir())


@pytest.mark.parametrize(
    "name",
    [pytest.param(case.name, marks=pytest.mark.heavy if case.name in SLOW else ()) for case in CASES],
)
def test_rules_do_what_their_tests_say(name: str) -> None:
    """`promtool test rules`: firing and not firing, counters that begin again, replicas that come and go, a budget over
    more than a month."""
    promtool("test", "rules", name, folder=PROMETHEUS / "tests")


@pytest.mark.parametrize("rule", RECORDED, ids=lambda rule: rule.record + "".join(v for _, v in rule.labels))
def test_every_recorded_series_has_a_test(rule: Recording) -> None:
    """promtool's tests ask for it and expect a value, with its labels."""
    questions = [
        question for question in asked() if rule.record in question["expr"] and question["exp_samples"]
    ]
    texts = " ".join(str(question) for question in questions)
    assert questions
    assert all(f'{name}="{value}"' in texts for name, value in rule.labels)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_a_test_that_fires_and_one_that_does_not(alert: Alert) -> None:
    """Both are in promtool's tests, for each alert by name."""
    expected = [question["exp_samples"] for question in asked() if f'"{alert.name}"' in question["expr"]]
    assert [] in expected, "never tried where it must stay silent"
    assert any(expected), "never tried where it must fire"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_says_what_to_do(alert: Alert) -> None:
    """A summary, a description and a runbook in sentences."""
    assert alert.summary
    assert alert.description.endswith(".")
    assert len(alert.runbook) > 40
    assert alert.runbook.endswith(".")


def test_rules_know_only_metrics_of_the_table_and_series_they_record() -> None:
    """A metric that is renamed in the table cannot be forgotten here."""
    text = " ".join(rule.expression for rule in [*RECORDED, *ALERTS])
    names = set(re.findall(r"(?<![:\w])costmeter_\w+(?![\w:])", text))
    assert names <= BY_NAME.keys()
    recorded = {rule.record for rule in RECORDED}
    assert set(re.findall(r"\w+:costmeter_\w+:\w+|costmeter:\w+", text)) <= recorded
