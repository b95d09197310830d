"""The same simulated hour in a real Prometheus and a real VictoriaMetrics: every query of every dashboard, both rule
files. (Thanos and Mimir evaluate with Prometheus's own engine; neither was run.)"""

from __future__ import annotations

import math
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import client
import pytest
from required_tool import required_tool

from scripts.panels.queries import dashboards, queries
from scripts.panels.replica import SECONDS
from scripts.panels.simulated_fleet import openmetrics
from scripts.servers.vllm_server import answers, free_port, running
from vllm_costmeter.outputs.rules.opencost import opencost_group
from vllm_costmeter.outputs.rules.recording import recording_groups
from vllm_costmeter.outputs.rules.rule import Recording

pytestmark = pytest.mark.heavy
RULES = Path(__file__).resolve().parents[2] / "grafana" / "prometheus" / "rules"
QUERIES = [
    (f"{asked.dashboard}: {asked.title}", asked.expression)
    for dashboard in dashboards()
    for asked in queries(dashboard, rate_interval="1m", shown_range="30m")
]
QUERIES += [
    (rule.record, rule.expression)
    for group in (*recording_groups(), opencost_group())
    for rule in group.rules
    if isinstance(rule, Recording)
]
"""Of the rules, those that divide what others record find nothing here, in either."""
IDS = [f"{name} {number}" for number, (name, _) in enumerate(QUERIES)]
TOLERANCE = 0.1
"""VictoriaMetrics does not extrapolate to the ends of a window, as Prometheus does: over ten samples or so they differ
by up to one sample's growth (9 % seen, 2026-11-28)."""


@dataclass(frozen=True)
class Stores:
    """Both, holding the hour that ended at `end`."""

    prometheus: str
    victoria: str
    end: float

    def ask(self, url: str, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """Labels -> value at the end of the hour."""
        fields: dict[str, str | float] = {"query": expression, "time": self.end}
        answer = client.get(f"{url}/api/v1/query", params=fields, timeout=60).json()
        assert answer["status"] == "success", answer
        return {
            frozenset(found["metric"].items()): float(found["value"][1]) for found in answer["data"]["result"]
        }


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Both running on the hour that just ended."""
    programs = {name: required_tool(name) for name in ("prometheus", "promtool", "victoria-metrics")}
    folder = tmp_path_factory.mktemp("stores")
    started = int(time.time()) - SECONDS - 60
    lines = list(openmetrics(started))
    (folder / "hour.txt").write_text("\n".join(lines) + "\n")
    create = [programs["promtool"], "tsdb", "create-blocks-from", "openmetrics", "hour.txt", "data"]
    subprocess.run(create, cwd=folder, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("{}")
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("prometheus", "victoria-metrics")}
    prometheus = (
        programs["prometheus"],
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={addresses['prometheus']}",
    )
    victoria = (
        programs["victoria-metrics"],
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr={addresses['victoria-metrics']}",
        "-search.latencyOffset=0s",
    )
    with (
        running(prometheus, folder / "prometheus.log", dict(os.environ)),
        running(victoria, folder / "victoria.log", dict(os.environ)),
    ):
        urls = [f"http://{address}" for address in addresses.values()]
        deadline = time.monotonic() + 60
        while not (answers(f"{urls[0]}/-/ready") and answers(f"{urls[1]}/health")):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        in_milliseconds = "\n".join(f"{line}000" for line in lines if not line.startswith("#"))
        urllib.request.urlopen(f"{urls[1]}/api/v1/import/prometheus", in_milliseconds.encode())
        urllib.request.urlopen(f"{urls[1]}/internal/force_flush")
        yield Stores(urls[0], urls[1], started + SECONDS)


@pytest.mark.parametrize("expression", [text for _, text in QUERIES], ids=IDS)
def test_victoria_metrics_shows_what_prometheus_shows(stores: Stores, expression: str) -> None:
    """The same series with the same labels, and values within what the two engines' windows differ by."""
    expected = stores.ask(stores.prometheus, expression)
    found = stores.ask(stores.victoria, expression)
    assert found.keys() == expected.keys()
    for labels, value in expected.items():
        assert found[labels] == pytest.approx(value, rel=TOLERANCE, abs=1e-9) or math.isnan(value), labels


def test_most_panels_have_something_to_compare(stores: Stores) -> None:
    """Two empty answers are equal too: in this hour nearly every panel shows something."""
    panels = [(name, text) for name, text in QUERIES if name.startswith("costmeter-")]
    empty = [name for name, text in panels if not stores.ask(stores.prometheus, text)]
    assert len(empty) < len(panels) / 5, empty


def test_vmalert_takes_the_rules() -> None:
    """VictoriaMetrics's own rule evaluator parses both files and every expression."""
    program = required_tool("vmalert")
    files = [f"-rule={path}" for path in RULES.iterdir()]
    done = subprocess.run([program, "-dryRun", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
