"""A real Prometheus that scrapes servers every second."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import client

from scripts.servers.vllm_server import ServerFailedError, answers, end_of, free_port, running

CONFIG = """\
global:
  scrape_interval: {interval}
  evaluation_interval: {interval}
rule_files: [{rules}]
scrape_configs:
  - job_name: vllm
    static_configs:
      - targets: [{targets}]
"""


@dataclass(frozen=True)
class PrometheusServer:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series an instant query returns; raises where Prometheus refuses the expression."""
        answer = client.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30).json()
        if answer["status"] != "success":
            raise ValueError(f"{expression}: {answer['error']}")
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def wait_for(self, expression: str, seconds: float = 30) -> list[dict[str, Any]]:
        """The series of `expression`, asked for until there are some."""
        deadline = time.monotonic() + seconds
        while not (found := self.query(expression)) and time.monotonic() < deadline:
            time.sleep(0.5)
        return found


@contextlib.contextmanager
def prometheus_scraping(
    urls: tuple[str, ...], program: Path, folder: Path, rules: tuple[Path, ...] = ()
) -> Iterator[PrometheusServer]:
    """A Prometheus that is ready and has the targets in its configuration."""
    port = free_port()
    config = folder / "prometheus.yml"
    targets = ", ".join(f'"{url.removeprefix("http://")}"' for url in urls)
    listed = ", ".join(f'"{path}"' for path in rules)
    config.write_text(CONFIG.format(interval="1s", rules=listed, targets=targets))
    command = (
        str(program),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with running(command, folder / "prometheus.log", dict(os.environ)) as process:
        server = PrometheusServer(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 60
        while not answers(f"{server.url}/-/ready"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailedError(f"prometheus did not start:\n{end_of(folder / 'prometheus.log')}")
            time.sleep(0.2)
        yield server
