"""A real vLLM and a real Prometheus for the end-to-end tests."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import METERED, ONE_THREAD, ROOT, Serve, required_tool
from prometheus_server import PrometheusServer, prometheus_scraping
from vllm_server import Server, serving
from witness import install_witness


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random Llama."""
    folder = tmp_path_factory.mktemp("model") / "tiny-llama"
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "tiny_model.py", folder], check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="session")
def serve(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """`serve(*flags, env=..., model=...)`: a context manager around a real server that is ready."""
    logs = tmp_path_factory.mktemp("servers")

    @contextlib.contextmanager
    def start(*flags: str, env: dict[str, str] | None = None, model: Path = tiny_model) -> Iterator[Server]:
        log = logs / f"{len(list(logs.iterdir()))}.log"
        with serving(
            model, "--served-model-name", "tiny", *flags, log=log, env={**ONE_THREAD, **(env or {})}
        ) as up:
            yield up

    return start


@pytest.fixture(scope="session")
def witness(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which another vLLM plugin is installed; it notes where it was loaded."""
    return install_witness(tmp_path_factory.mktemp("witness"))


@pytest.fixture(scope="session")
def metered(serve: Serve, witness: dict[str, str]) -> Iterator[Server]:
    """The one server most tests share: `--plugin costmeter` at a price, beside another installed plugin."""
    with serve(*METERED, env=witness) as server:
        yield server


@pytest.fixture(scope="session")
def prometheus(metered: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A Prometheus that has scraped the shared server every second since it was asked for."""
    program = required_tool("prometheus")
    with prometheus_scraping(metered.url, Path(program), tmp_path_factory.mktemp("prometheus")) as server:
        yield server
