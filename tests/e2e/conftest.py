"""A real vLLM for the end-to-end tests. The servers that several tests share are in the conftest.py of their folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from closure import must_add_up
from harness import FEW_PROCESSES, ROOT, Serve
from required_browser import required_browser
from server_slots import ServerSlots

from scripts.live_page.browser import HERE as PACKAGES
from scripts.servers.vllm_server import Server, end_of, serving

STARTED: dict[str, list[Path]] = {}
"""Logs of the servers that tests start themselves, by the test's node id."""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random Llama."""
    folder = tmp_path_factory.mktemp("model") / "tiny-llama"
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "servers" / "tiny_model.py", folder],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="session")
def page_browser() -> None:
    """Chromium, and what drives the live page in it."""
    required_browser(PACKAGES)


@pytest.fixture(scope="session")
def slots(tmp_path_factory: pytest.TempPathFactory) -> ServerSlots:
    """Those of this run, in a folder that all its lanes see."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "server-slots"
    folder.mkdir(exist_ok=True)
    return ServerSlots(folder)


@pytest.fixture(scope="session")
def serve(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, slots: ServerSlots) -> Serve:
    """`serve(*flags, env=..., model=...)`: a context manager around a real server that is ready."""
    logs = tmp_path_factory.mktemp("servers")

    @contextlib.contextmanager
    def start(*flags: str, env: dict[str, str] | None = None, model: Path = tiny_model) -> Iterator[Server]:
        log = logs / f"{len(list(logs.glob('*.log')))}.log"
        STARTED.setdefault(running_test(), []).append(log)
        forgetful = {"XDG_STATE_HOME": str(log.with_suffix(".state"))}  # what this start teaches stays here
        named = ("--served-model-name", "tiny", *flags)
        environment = {**FEW_PROCESSES, **forgetful, **(env or {})}
        with slots.one(), serving(model, *named, log=log, env=environment) as up:
            yield up
            must_add_up(up.url)

    return start


def running_test() -> str:
    """Node id of the test that runs in this process."""
    return os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test fails, show the end of the log of every server it used."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            if log := getattr(value, "log", None):
                report.sections.append((f"log of {name}", end_of(log)))
        for log in STARTED.get(item.nodeid, ()):
            report.sections.append((f"log of a server of its own, {log.name}", end_of(log)))
    return report
