"""A Prometheus that holds given samples or scrapes a server, for as long as somebody looks at it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.servers.vllm_server import free_port

READY_WITHIN_SECONDS = 60


class PrometheusFailedError(Exception):
    """It is not installed, did not take the samples or did not start; one line says what."""


@contextlib.contextmanager
def holding(openmetrics: Iterable[str], folder: Path) -> Iterator[str]:
    """Its address while it serves these lines of OpenMetrics with timestamps; everything of it lies in `folder`."""
    samples, stored, settings = folder / "samples", folder / "stored", folder / "prometheus.yml"
    samples.write_text("".join(f"{line}\n" for line in openmetrics))
    settings.write_text("")
    try:
        store = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(samples), str(stored)]
        subprocess.run(store, check=True, capture_output=True, text=True)
        with _serving(settings, stored, folder / "log") as url:
            yield url
    except FileNotFoundError as missing:
        raise PrometheusFailedError(f"{missing.filename} is not on the PATH") from missing
    except subprocess.CalledProcessError as refused:
        raise PrometheusFailedError(
            f"promtool did not take the samples: {refused.stderr[-500:]}"
        ) from refused


@contextlib.contextmanager
def scraping(url: str, seconds: int, folder: Path) -> Iterator[str]:
    """The address of one that asks this server as often; everything of it lies in `folder`."""
    settings = folder / "prometheus.yml"
    job = {"job_name": "vllm", "static_configs": [{"targets": [url.removeprefix("http://")]}]}
    settings.write_text(json.dumps({"global": {"scrape_interval": f"{seconds}s"}, "scrape_configs": [job]}))
    try:
        with _serving(settings, folder / "stored", folder / "log") as address:
            yield address
    except FileNotFoundError as missing:
        raise PrometheusFailedError(f"{missing.filename} is not on the PATH") from missing


@contextlib.contextmanager
def _serving(settings: Path, stored: Path, log: Path) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={settings}",
        f"--storage.tsdb.path={stored}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
    ]
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _await(f"http://{address}/-/ready", process)
            yield f"http://{address}"
        finally:
            process.terminate()


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise PrometheusFailedError("Prometheus did not start")
