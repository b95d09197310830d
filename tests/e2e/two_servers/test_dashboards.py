"""Every query of every dashboard and every rule, asked of a real Prometheus that scrapes real servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import client
import pytest
from harness import RULE_FILES, USD_PER_HOUR
from nvml_stand_in import Mood
from prometheus_server import PrometheusServer

from scripts.panels.queries import annotation_queries, dashboards, queries
from scripts.servers.vllm_server import Server
from vllm_costmeter.outputs.rules.recording import recording_groups

pytestmark = pytest.mark.heavy

WINDOW = {"rate_interval": "30s", "shown_range": "5m"}
PANELS = [
    (f"{asked.dashboard}: {asked.title}", asked.expression)
    for d in dashboards()
    for asked in queries(d, **WINDOW)
]
ANNOTATIONS = [
    (f"{d['uid']}: {name}", text) for d in dashboards() for name, text in annotation_queries(d, "10s")
]
NEEDS_A_DATED_PRICE = {"costmeter:price_date_timestamp_seconds"}
NEEDS_A_CHECK = "costmeter_preflight_bytes"
"""Published only where the check before the start ran: nothing to show where no server of this test had one."""
RULES = [(rule.fields(), bool(group.interval)) for group in recording_groups() for rule in group.rules]
RECORDED = sorted({str(rule["record"]) for rule, hourly in RULES if not hourly})
HOURLY = {str(rule["record"]): str(rule["expr"]) for rule, hourly in RULES if hourly}
"""Not evaluated while this test runs."""


@pytest.fixture(scope="module")
def scraped(
    prometheus: PrometheusServer, on_a_gpu: tuple[Server, Mood], without_log_stats: Server
) -> Iterator[PrometheusServer]:
    """Prometheus with our rules, while traffic runs on the server without a GPU and on the one that sees one."""
    enough = threading.Event()

    def traffic() -> None:
        while not enough.wait(1):
            for server in (without_log_stats, on_a_gpu[0]):
                client.load(server.url, requests=4, at_once=4, max_tokens=16)

    driver = threading.Thread(target=traffic)
    driver.start()
    try:
        assert prometheus.wait_for('rate(costmeter_tokens_total{kind="generated"}[10s]) > 0', 60)
        yield prometheus
    finally:
        enough.set()
        driver.join()


def test_there_are_dashboards_and_rules() -> None:
    """Three dashboards, two rule files, and all of them ask something."""
    assert len(list(dashboards())) == 3
    assert len(RULE_FILES) == 2
    assert PANELS


@pytest.mark.parametrize(("name", "query"), PANELS, ids=[name for name, _ in PANELS])
def test_every_panel_shows_something(scraped: PrometheusServer, name: str, query: str) -> None:
    """No panel is empty on servers that meter, one of which sees a GPU."""
    if NEEDS_A_CHECK in query and not scraped.query(NEEDS_A_CHECK):
        pytest.skip("no server here was checked before its start")
    assert scraped.wait_for(query, seconds=20), f"{name}: {query}"


@pytest.mark.parametrize(("name", "query"), ANNOTATIONS, ids=[name for name, _ in ANNOTATIONS])
def test_every_annotation_looks_at_the_servers(scraped: PrometheusServer, name: str, query: str) -> None:
    """Above zero is a mark on the time axis; where nothing happened the answer is zero, not nothing."""
    assert scraped.wait_for(query, seconds=20), f"{name}: {query}"


@pytest.mark.parametrize("record", RECORDED)
def test_every_recorded_series_is_there(scraped: PrometheusServer, record: str) -> None:
    """What alerts stand on exists; the date of a price only where a price has one, which a flag's does not."""
    if "prediction" in record and not scraped.query(NEEDS_A_CHECK):
        pytest.skip("no server here was checked before its start")
    found = scraped.wait_for(record, seconds=0 if record in NEEDS_A_DATED_PRICE else 20)
    assert bool(found) == (record not in NEEDS_A_DATED_PRICE)


@pytest.mark.parametrize("record", HOURLY)
def test_what_is_recorded_each_hour_would_be_there(scraped: PrometheusServer, record: str) -> None:
    """Its expression finds something."""
    assert scraped.wait_for(HOURLY[record], seconds=20)


def test_prometheus_evaluates_every_rule_without_a_complaint(scraped: PrometheusServer) -> None:
    """All healthy: no expression matches many to many, no two rules make the same series."""
    groups = client.get(f"{scraped.url}/api/v1/rules").json()["data"]["groups"]
    health = {
        rule["name"]: (rule["health"], rule.get("lastError"))
        for group in groups
        for rule in group["rules"]
        if rule["name"] not in HOURLY
    }
    assert {name: state for name, state in health.items() if state != ("ok", None)} == {}


def test_the_money_that_prometheus_stores_is_rate_times_time(scraped: PrometheusServer) -> None:
    """Both servers' stored dollars grow by the hourly rate over the time between their samples, whatever they do
    (not by rate(): on a busy machine scrapes are missed, and rate() does not fill the ends of its window)."""
    scraped.wait_for("costmeter_cost_usd_total offset 20s", seconds=30)
    series = scraped.query("costmeter_cost_usd_total[2m]")
    for instance in {found["metric"]["instance"] for found in series}:
        stored = [found["values"] for found in series if found["metric"]["instance"] == instance]
        usd = sum(float(values[-1][1]) - float(values[0][1]) for values in stored)
        seconds = max(values[-1][0] for values in stored) - min(values[0][0] for values in stored)
        assert usd / seconds * 3600 == pytest.approx(USD_PER_HOUR, rel=0.1)


def test_prometheus_adds_up_what_the_server_says(
    scraped: PrometheusServer, on_a_gpu: tuple[Server, Mood]
) -> None:
    """The counters arrive in Prometheus with the labels that the contract names."""
    assert on_a_gpu[0].process.poll() is None
    (series,) = scraped.wait_for('sum by (model_name) (costmeter_tokens_total{kind="generated"})')[:1]
    assert series["metric"]["model_name"] == "tiny"
    assert float(series["value"][1]) > 0
