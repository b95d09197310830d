"""The Prometheus of grafana/docker-compose.yml, as the real program with the same files; no Docker engine needed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import client
import pytest
from required_tool import required_tool

from scripts.servers.vllm_server import Server, answers, free_port, running
from vllm_costmeter.cli.main import main

pytestmark = pytest.mark.heavy


def test_only_the_target_needs_an_edit(metered: Server, tmp_path: Path) -> None:
    """`costmeter dashboard export`, one line in targets.yml, and Prometheus scrapes the server and has the rules."""
    assert main(["dashboard", "export", str(tmp_path / "grafana")]) == 0
    folder = tmp_path / "grafana" / "prometheus"
    targets = folder / "targets.yml"
    targets.write_text(
        targets.read_text().replace("host.docker.internal:8000", metered.url.removeprefix("http://"))
    )
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        required_tool("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    )
    with running(command, tmp_path / "prometheus.log", dict(os.environ)):
        deadline = time.monotonic() + 60  # a scrape interval is 15 seconds
        health: list[str] = []
        while health != ["up"] and time.monotonic() < deadline:
            time.sleep(1)
            if answers(f"{url}/-/ready"):
                found = client.get(f"{url}/api/v1/targets").json()["data"]["activeTargets"]
                health = [target["health"] for target in found]
        assert health == ["up"]
        groups = client.get(f"{url}/api/v1/rules").json()["data"]["groups"]
        assert {Path(group["file"]).name for group in groups} == {
            "costmeter-recording.yml",
            "costmeter-alerts.yml",
        }
