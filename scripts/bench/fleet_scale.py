"""What a fleet costs its Prometheus: `python -m scripts.bench.fleet_scale --replicas 1000 --minutes 10`.

One real Prometheus scrapes the replicas of scripts/fleet as the PodMonitor tells it to (15 s, the same relabelling)
with all rules on, then is asked every query of the Fleet dashboard. Prints JSON; nothing is asserted.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from scripts.bench.machine import processor
from scripts.fleet.replicas import served
from scripts.panels.queries import dashboards, queries
from scripts.servers.vllm_server import answers, free_port, running

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"
INTERVAL_SECONDS = 15
POINTS = 600
WINDOW = {"rate_interval": "1m", "shown_range": "10m"}


def relabelling() -> list[dict[str, Any]]:
    """The PodMonitor's metricRelabelings under Prometheus's names."""
    monitor = yaml.safe_load((GRAFANA / "kubernetes" / "pod-monitor.yaml").read_text())
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    return [
        {re.sub("(?=[A-Z])", "_", key).lower(): value for key, value in rule.items()}
        for rule in endpoint["metricRelabelings"]
    ]


def configuration(targets: Path, address: str) -> dict[str, Any]:
    """A Prometheus that scrapes the fleet and itself."""
    interval = f"{INTERVAL_SECONDS}s"
    fleet = {
        "job_name": "vllm",
        "file_sd_configs": [{"files": [str(targets)]}],
        "metric_relabel_configs": relabelling(),
    }
    itself = {"job_name": "prometheus", "static_configs": [{"targets": [address]}]}
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(GRAFANA / "prometheus" / "rules" / "*.yml")],
        "scrape_configs": [fleet, itself],
    }


class Asked:
    """A Prometheus, asked."""

    def __init__(self, url: str) -> None:
        self.url = url

    def series(self, kind: str, **fields: object) -> list[dict[str, Any]]:
        """The answer to a query."""
        address = f"{self.url}/api/v1/{kind}?{urllib.parse.urlencode(fields)}"
        with urllib.request.urlopen(address, timeout=120) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found

    def number(self, expression: str) -> float | None:
        """One number, or None where there is none."""
        found = self.series("query", query=expression)
        return float(found[0]["value"][1]) if found else None

    def seconds_of(self, expression: str, moment: bool, shown_seconds: float) -> tuple[float, int]:
        """How long a query takes as Grafana would ask it (the faster of two), and how many series it gives."""
        taken = []
        for _ in range(2):
            began, now = time.perf_counter(), time.time()
            if moment:
                found = self.series("query", query=expression, time=now)
            else:
                step = max(INTERVAL_SECONDS, shown_seconds / POINTS)
                window = {"start": now - shown_seconds, "end": now, "step": step}
                found = self.series("query_range", query=expression, **window)
            taken.append(time.perf_counter() - began)
        return min(taken), len(found)


def measured(asked: Asked, replicas: int, minutes: float) -> dict[str, Any]:
    """All that is reported, of a Prometheus that has run for `minutes`."""
    window = f"{max(1, round(minutes) - 1)}m"
    fleet = next(found for found in dashboards() if found["uid"] == "costmeter-fleet")
    panels = {
        f"{query.title} {number}": asked.seconds_of(query.expression, query.moment, minutes * 60)
        for number, query in enumerate(queries(fleet, **WINDOW))
    }
    groups = asked.series(
        "query", query=f"max_over_time(prometheus_rule_group_last_duration_seconds[{window}])"
    )
    return {
        "replicas": replicas,
        "minutes": minutes,
        "scrape_interval_seconds": INTERVAL_SECONDS,
        "prometheus": asked.series("query", query="prometheus_build_info")[0]["metric"]["version"],
        "targets_up": asked.number('sum(up{job="vllm"})'),
        "series_per_replica": asked.number('avg(scrape_samples_post_metric_relabeling{job="vllm"})'),
        "series_per_replica_largest": asked.number('max(scrape_samples_post_metric_relabeling{job="vllm"})'),
        "samples_per_replica_before_dropping": asked.number('avg(scrape_samples_scraped{job="vllm"})'),
        "head_series": asked.number("prometheus_tsdb_head_series"),
        "samples_per_second": asked.number(f"rate(prometheus_tsdb_head_samples_appended_total[{window}])"),
        "prometheus_resident_bytes": asked.number(f"max_over_time(process_resident_memory_bytes[{window}])"),
        "prometheus_cores": asked.number(f"rate(process_cpu_seconds_total[{window}])"),
        "scrape_seconds_mean": asked.number('avg(scrape_duration_seconds{job="vllm"})'),
        "recorded_series": len(asked.series("query", query='{__name__=~".+:costmeter_.+"}')),
        "rule_group_seconds_worst": {
            found["metric"]["rule_group"].partition(";")[2]: float(found["value"][1]) for found in groups
        },
        "rule_evaluations_missed": asked.number("sum(prometheus_rule_group_iterations_missed_total)"),
        "rule_evaluations_failed": asked.number("sum(prometheus_rule_evaluation_failures_total)"),
        "fleet_dashboard_seconds": sum(seconds for seconds, _ in panels.values()),
        "fleet_dashboard_slowest_seconds": max(seconds for seconds, _ in panels.values()),
        "fleet_dashboard_median_seconds": statistics.median(seconds for seconds, _ in panels.values()),
        "fleet_dashboard_queries": {name: [round(s, 4), found] for name, (s, found) in panels.items()},
        "load_average": os.getloadavg()[1],
        "cores": os.cpu_count(),
        "processor": processor(),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    program = shutil.which("prometheus") or sys.exit("prometheus is not on the PATH")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        targets = folder / "targets.json"
        address = f"127.0.0.1:{free_port()}"
        config = folder / "prometheus.yml"
        config.write_text(json.dumps(configuration(targets, address)))
        command = (
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        )
        with (
            served(arguments.replicas, targets),
            running(command, folder / "prometheus.log", dict(os.environ)),
        ):
            while not answers(f"http://{address}/-/ready"):
                time.sleep(0.2)
            time.sleep(arguments.minutes * 60)
            found = measured(Asked(f"http://{address}"), arguments.replicas, arguments.minutes)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
