"""`docker compose up` in grafana/, as far as it can be tried without a Docker engine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from required_tool import required_tool

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"
SCHEMA = Path(__file__).resolve().parents[1] / "data/compose/compose_spec.json"
COMPOSE = yaml.safe_load((GRAFANA / "docker-compose.yml").read_text())


def read(path: str) -> Any:
    """A YAML file of the folder."""
    return yaml.safe_load((GRAFANA / path).read_text())


def mounted(service: str) -> dict[str, str]:
    """Path in the container -> what is mounted there."""
    return {parts[1]: parts[0] for parts in (v.split(":") for v in COMPOSE["services"][service]["volumes"])}


def test_the_compose_file_is_valid() -> None:
    """The Compose Specification's own schema finds nothing."""
    assert [
        error.message for error in Draft7Validator(json.loads(SCHEMA.read_text())).iter_errors(COMPOSE)
    ] == []


def test_the_schema_would_notice() -> None:
    """A misspelt key is found, so that the test above means something."""
    broken = {"services": {"prometheus": {"imagee": "x"}}}
    assert list(Draft7Validator(json.loads(SCHEMA.read_text())).iter_errors(broken))


def test_every_mounted_file_is_there_and_every_volume_declared() -> None:
    """A missing source would become an empty folder owned by root."""
    for service in COMPOSE["services"]:
        for source in mounted(service).values():
            assert (GRAFANA / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]


def test_images_are_pinned_and_ports_stay_on_this_machine() -> None:
    """Nobody gets another Grafana than the dashboards were made for, and nobody outside gets in without a login."""
    for service in COMPOSE["services"].values():
        assert service["image"].partition(":")[2].strip("v").replace(".", "").isdigit()
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert int(COMPOSE["services"]["grafana"]["image"].partition(":")[2].split(".")[0]) >= 11


def test_grafana_finds_its_dashboards_and_its_prometheus() -> None:
    """Provisioning points at what is mounted and at the service that runs."""
    grafana = mounted("grafana")
    (provider,) = read("provisioning/dashboards/costmeter.yml")["providers"]
    assert grafana[provider["options"]["path"]] == "./dashboards"
    assert grafana["/etc/grafana/provisioning"] == "./provisioning"
    (source,) = read("provisioning/datasources/prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"].removeprefix("http://").partition(":")[0] in COMPOSE["services"]
    interval = read("prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (GRAFANA / "dashboards" / Path(home).name).exists()


def test_prometheus_accepts_its_configuration() -> None:
    """promtool reads the configuration with its rules and targets."""
    promtool = required_tool("promtool")
    config = GRAFANA / "prometheus" / "prometheus.yml"
    done = subprocess.run([promtool, "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 rule files found" in done.stdout
