"""Every query of every dashboard, asked of a real Prometheus that scrapes real servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import client
import pytest
from harness import ROOT
from nvml_stand_in import Mood
from prometheus_server import PrometheusServer
from vllm_server import Server

pytestmark = pytest.mark.heavy

FOLDER = ROOT / "grafana" / "dashboards"
INTERVAL = "30s"


def expressions(node: Any) -> Iterator[str]:
    """Every `expr` anywhere in a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def filled_in(expression: str) -> str:
    """The query as Grafana sends it: intervals as durations, every other variable as "all"."""
    timed = re.sub(r"\$\{?__(rate_interval|interval|range)\}?", INTERVAL, expression)
    return re.sub(r"\$\{?\w+(:\w+)?\}?", ".*", timed)


QUERIES = sorted(
    {
        (path.name, query)
        for path in FOLDER.glob("*.json")
        for query in expressions(json.loads(path.read_text()))
    }
)


@pytest.fixture(scope="module")
def scraped(prometheus: PrometheusServer, metered: Server, on_a_gpu: tuple[Server, Mood]) -> PrometheusServer:
    """Prometheus after some traffic on the server without a GPU and on the one that sees one."""
    for _ in range(3):
        for server in (metered, on_a_gpu[0]):
            client.load(server.url, requests=16)
    assert prometheus.wait_for("rate(costmeter_cost_usd_total[10s]) > 0")
    return prometheus


def test_there_is_a_dashboard() -> None:
    """The cost dashboard is in the repository and asks something."""
    assert QUERIES


@pytest.mark.parametrize(
    ("dashboard", "query"), QUERIES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(QUERIES)]
)
def test_every_query_returns_data(scraped: PrometheusServer, dashboard: str, query: str) -> None:
    """No panel is empty on a server that meters."""
    assert scraped.wait_for(filled_in(query), seconds=15), f"{dashboard}: {query}"


def test_prometheus_adds_up_what_the_server_says(scraped: PrometheusServer, metered: Server) -> None:
    """The counters arrive in Prometheus with the labels that the contract names."""
    assert metered.process.poll() is None
    (series,) = scraped.wait_for('sum by (model_name) (costmeter_tokens_total{kind="generated"})')[:1]
    assert series["metric"]["model_name"] == "tiny"
    assert float(series["value"][1]) > 0
