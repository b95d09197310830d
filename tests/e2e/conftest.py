"""A real vLLM and a real Prometheus for the end-to-end tests."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import nvml_stand_in
import pytest
from harness import METERED, ONE_THREAD, ROOT, SLEEPS, Serve
from moments import Moment, seen
from nvml_stand_in import Mood
from prometheus_server import PrometheusServer, prometheus_scraping
from required_tool import required_tool
from vllm_server import Server, end_of, serving
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
        log = logs / f"{len(list(logs.glob('*.log')))}.log"
        forgetful = {"XDG_STATE_HOME": str(log.with_suffix(".state"))}  # what this start teaches stays here
        with serving(
            model,
            "--served-model-name",
            "tiny",
            *flags,
            log=log,
            env={**ONE_THREAD, **forgetful, **(env or {})},
        ) as up:
            yield up

    return start


@pytest.fixture(scope="session")
def witness(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which another vLLM plugin is installed; it notes where it was loaded."""
    return install_witness(tmp_path_factory.mktemp("witness"))


@pytest.fixture(scope="session")
def metered_from_birth(serve: Serve, witness: dict[str, str]) -> Iterator[tuple[Server, Moment]]:
    """The server that most tests share, and its first page."""
    with serve(*METERED, env=SLEEPS | witness) as server:
        yield server, seen(server)


@pytest.fixture(scope="session")
def metered(metered_from_birth: tuple[Server, Moment]) -> Server:
    """The one server most tests share: `--plugin costmeter` at a price, beside another installed plugin."""
    return metered_from_birth[0]


@pytest.fixture(scope="session")
def on_a_gpu(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Mood]]:
    """A server that sees the second of two NVIDIA cards through a stand-in driver, and that driver's mood."""
    required_tool("gcc")
    folder = tmp_path_factory.mktemp("driver")
    mood = Mood(folder / "mood")
    mood.set(gpus=2, live_energy=1)
    library = nvml_stand_in.build(folder)
    env = {
        "LD_LIBRARY_PATH": str(library),
        nvml_stand_in.CONTROL_VARIABLE: str(mood.file),
        "CUDA_VISIBLE_DEVICES": "1",
    }
    with serve(*METERED, env=env) as server:
        yield server, mood


@pytest.fixture(scope="session")
def prometheus(
    metered: Server, on_a_gpu: tuple[Server, Mood], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """A Prometheus that scrapes the server without a GPU and the one that sees one, every second."""
    program = required_tool("prometheus")
    urls = (metered.url, on_a_gpu[0].url)
    with prometheus_scraping(urls, Path(program), tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test fails, show the end of the log of every server it used."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            if isinstance(value, Server):
                report.sections.append((f"log of {name}", end_of(value.log)))
    return report
