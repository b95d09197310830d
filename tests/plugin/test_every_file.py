"""The walks over lines reach every file of the plugin: what is added to it is walked, or this fails."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from budget_worlds import budget
from plugin.hooked_server import GpuAtHand, HookedServer, OneThread, vllm_config
from plugin.http_side import http_side
from plugin.line_faults import InjectedError, Line, LineFaults
from plugin.test_faults import lived, walk
from plugin.test_start_faults import start, vllm

from vllm_costmeter import plugin
from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.starting.worker_report import wrap_worker
from vllm_costmeter.sources.budgets.file import change_budgets

__all__ = ["vllm"]

PLUGIN = ("vllm_costmeter/plugin/",)
FOLDER = Path(plugin.__file__).parent
APART = FOLDER / "exact"
"""Runs in a process of its own, whose end by any fault is an answer (`exact/ending.py`)."""
THEIRS = ("original(engine", "initialize(self")
"""Lines that call what vLLM would have called without us."""
RUNNING = ("vllm_costmeter/plugin/", "vllm_costmeter/metering/")


@pytest.fixture
def everything_on(
    logger_class: type, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[], HookedServer]:
    """A server with tenants, budgets, prices of requests, a ledger and the page, and clients that ask for all of it."""
    change_budgets(tmp_path / "budgets.json", lambda _: {"acme": budget("acme", 10.0, "UTC")})
    for name, value in {
        "TENANT_FROM": "header,user",
        "REQUEST_PRICE": "both",
        "BUDGET_ACTION": "refuse",
        "LEDGER": str(tmp_path / "ledger.sqlite3"),
        "OTLP": "off",
    }.items():
        monkeypatch.setenv(f"COSTMETER_{name}", value)
    exchange = http_side(monkeypatch)
    return lambda: HookedServer(logger_class, model, None, exchange=exchange)


class Engine:
    """vLLM's offline engine, of which one step is asked."""

    def __init__(self, model: Path) -> None:
        self.vllm_config = vllm_config(model, 0, 1)
        self.log_stats = False
        self.output_processor = SimpleNamespace(
            log_stats=False, request_states={}, process_outputs=lambda *_, **__: "processed"
        )

    def step(self) -> Any:
        return self.output_processor.process_outputs("outputs", 0.0, iteration_stats=None)


def batch(model: Path, at: Line | None) -> LineFaults:
    """`LLM(...)` as far as it touches us; vLLM's engine answers whatever fails."""
    from vllm_costmeter.plugin.serving import offline

    engines = ModuleType("vllm.v1.engine.llm_engine")
    engines.LLMEngine = type("LLMEngine", (Engine,), {})  # type: ignore[attr-defined]
    faults = LineFaults(("plugin/serving/offline.py",), at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "vllm.v1.engine.llm_engine", engines)
        patch.setattr(offline, "server_gpus", lambda count, **given: GpuAtHand())
        with faults.watching():
            try:
                offline.meter_offline_engines()
            except InjectedError:
                assert at is not None  # whoever calls it goes on without (test_start_faults.py)
            engine = engines.LLMEngine(model)
            assert engine.step() == "processed"
    return faults


def worker(folder: Path, at: Line | None) -> LineFaults:
    """A worker that allocates its KV cache; vLLM gets its answer whatever fails."""

    class WorkerWrapperBase:
        global_rank = 0
        worker = SimpleNamespace(model_runner=SimpleNamespace(model_memory_usage=7))

        def initialize_from_config(self, configs: object) -> str:
            return "initialized"

    module = ModuleType("vllm.v1.worker.worker_base")
    module.WorkerWrapperBase = WorkerWrapperBase  # type: ignore[attr-defined]
    faults = LineFaults(("plugin/starting/worker_report.py",), at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "vllm.v1.worker.worker_base", module)
        patch.setenv(BOOT_FOLDER, str(folder))
        with faults.watching():
            try:
                wrap_worker()
            except InjectedError:
                assert at is not None  # whoever calls it goes on without (test_start_faults.py)
            tensors = [SimpleNamespace(size=5)]
            configs = [SimpleNamespace(kv_cache_tensors=tensors)]
            assert WorkerWrapperBase().initialize_from_config(configs) == "initialized"
    return faults


def test_no_file_of_the_plugin_is_left_out(  # noqa: PLR0917 (fixtures)
    everything_on: Callable[[], HookedServer],
    thread: OneThread,
    logger_class: type,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Each is reached by a start, a server with everything on, one of several processes, a batch or a worker."""
    server, running = lived(everything_on, thread, PLUGIN, None)
    assert (server.escaped, server.ended) == ([], True)
    shared = tmp_path / "shared"
    shared.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(shared))
        _, sharing = lived(lambda: HookedServer(logger_class, model, shared), thread, PLUGIN, None)
    starting = start(request.getfixturevalue("vllm"), None)
    lives = [running, sharing, batch(model, None), worker(tmp_path, None), starting]
    reached = {
        Path(file) for life in lives for (file, _), function in life.reached.items() if function != "<module>"
    }
    there = {
        file for file in FOLDER.rglob("*.py") if "def " in file.read_text() and APART not in file.parents
    }
    assert sorted(str(file.relative_to(FOLDER)) for file in there - reached) == []


@pytest.mark.heavy
def test_no_line_of_a_server_with_everything_on_harms_serving(
    everything_on: Callable[[], HookedServer], thread: OneThread
) -> None:
    """Requests with a tenant, a budget and a price, the routes, the page and its history: about 800 lines."""
    assert walk(everything_on, thread, RUNNING) > 500


@pytest.mark.parametrize("life", ["batch", "worker"])
def test_no_line_of_a_batch_or_a_worker_harms_it(
    life: str, model: Path, tmp_path: Path, thread: OneThread
) -> None:
    """Its engine steps and its cache is allocated, whichever line of ours fails."""

    def lives(at: Line | None) -> LineFaults:
        return batch(model, at) if life == "batch" else worker(tmp_path, at)

    lines = [
        line for line in lives(None).reached if not any(call in linecache.getline(*line) for call in THEIRS)
    ]
    assert sum(lives(line).fired for line in lines) > 10
