"""The replicas that the scale is measured on, and what the PodMonitor keeps of a real replica's page."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from scripts.bench.fleet_scale import configuration, relabelling
from scripts.fleet.replicas import Target, replica
from scripts.panels.queries import dashboards, queries
from vllm_costmeter.outputs.rules.alerts import alert_groups
from vllm_costmeter.outputs.rules.limits import Limits
from vllm_costmeter.outputs.rules.recording import recording_groups

AN_HOUR_AGO = 3600
SELECTOR = re.compile(r"\b(costmeter_\w+)(?:\{([^}]*)\})?")
EXACT = re.compile(r'(\w+)="([^"]*)"')


@functools.cache
def samples(number: int) -> tuple[Sample, ...]:
    """What a replica publishes after an hour of load."""
    target = Target(number)
    target.began -= AN_HOUR_AGO
    families = text_string_to_metric_families(target.page().decode())
    return tuple(sample for family in families for sample in family.samples)


def dropped(sample: Sample) -> bool:
    """What Prometheus does with a sample under the PodMonitor's rules, which only drop."""
    labels = {"__name__": sample.name, **sample.labels}
    for rule in relabelling():
        assert rule["action"] == "drop"
        joined = ";".join(labels.get(name, "") for name in rule["source_labels"])
        if re.fullmatch(rule["regex"], joined):
            return True
    return False


def read() -> Iterator[tuple[str, dict[str, str]]]:
    """(name, exact matchers) of every selector in a dashboard or rule."""
    expressions = [query.expression for dashboard in dashboards() for query in queries(dashboard)]
    expressions += [
        rule.expression for group in (*recording_groups(), *alert_groups(Limits())) for rule in group.rules
    ]
    for expression in expressions:
        for name, matchers in SELECTOR.findall(expression):
            yield name, dict(EXACT.findall(matchers))


def test_a_replica_keeps_to_its_number_of_series() -> None:
    """With one GPU at most 80 of them reach Prometheus, histograms included; a further GPU brings five at most."""
    one = [sample for sample in samples(1) if not dropped(sample)]
    four = [sample for sample in samples(10) if not dropped(sample)]
    assert replica(1).gpus == 1
    assert replica(10).gpus == 4
    assert len(one) <= 80
    assert (len(four) - len(one)) % 3 == 0
    assert (len(four) - len(one)) // 3 <= 5


def test_nothing_is_dropped_that_a_dashboard_or_a_rule_reads() -> None:
    """No selector of any of them matches a sample that the PodMonitor drops; and something is dropped."""
    gone = [sample for sample in samples(1) if dropped(sample)]
    assert gone
    selectors = list(read())
    assert selectors
    for sample in gone:
        for name, matchers in selectors:
            matches = name == sample.name and matchers.items() <= sample.labels.items()
            assert not matches, f"{sample.name}{sample.labels} is read by {name}{matchers}"


def test_a_replica_s_page_changes_as_its_time_passes() -> None:
    """Dollars and tokens grow between two scrapes: Prometheus stores changing numbers."""
    target = Target(3)
    first = target.page()
    target.began -= 60
    assert target.page() != first


def test_the_measured_prometheus_scrapes_as_the_pod_monitor_says() -> None:
    """The same interval, path by path, and both rule files."""
    grafana = Path(__file__).resolve().parents[3] / "grafana"
    monitor = yaml.safe_load((grafana / "kubernetes/pod-monitor.yaml").read_text())
    found = configuration(Path("targets.json"), "127.0.0.1:9")
    assert found["global"]["scrape_interval"] == monitor["spec"]["podMetricsEndpoints"][0]["interval"]
    assert len(list(Path("/").glob(found["rule_files"][0].removeprefix("/")))) == 2
