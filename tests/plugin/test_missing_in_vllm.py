"""A newer vLLM without one of the things that the plugin touches: it serves, one line says what is gone, and only the
parts that need it are missing."""

from __future__ import annotations

import argparse
import copy
import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from plugin.hooked_server import EstimatesAtHand, GpuAtHand, HookedServer, OneThread, vllm_config
from server_config import configured
from vllm_modules import vllm_modules

from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.plugin import activation, faults, general, plugin_loading, probe
from vllm_costmeter.plugin.starting.preflight import CHECKED
from vllm_costmeter.sources.vllm.touched import CALLS, CONFIGURATION, HOOKS, STATISTICS, WITHOUT, Touched
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

NEWER = "0.34.0"
LLAMA_70B = Path(__file__).resolve().parents[2] / "examples" / "models" / "llama-3.1-70b"
PROBED = [
    pytest.param(row, name, id=f"{row.owner or row.module}.{name} ({row.parts})")
    for row in (*HOOKS, *CALLS, *CONFIGURATION, *STATISTICS)
    for name in row
    if name != "__init__" and row.parts not in ("endpoint", "quiet", "workers")
]
"""The others are looked for elsewhere: each has a test of its own."""
READ_FLAGS = frozenset(flag_table().at(NEWEST.number).by_dest)
Started = tuple[HookedServer, argparse.ArgumentParser, list[Any]]


class EngineArgs:
    """vLLM's flags of a 70B on an RTX 4090, which does not fit."""

    def __init__(self, config: Any) -> None:
        self.model = str(LLAMA_70B)
        self.additional_config = {
            "costmeter": {"gpu": "RTX 4090", "preflight": "warn", "gpu_hourly_usd": 3600.0}
        }
        self._config = config

    @staticmethod
    def add_cli_args(parser: argparse.ArgumentParser, *, is_async: bool = False) -> argparse.ArgumentParser:
        parser.add_argument("--model")
        return parser

    def create_engine_config(self, usage: object = None, *, headless: bool = False) -> Any:
        return self._config


class ServerWithout(HookedServer):
    """Its statistics lack one name of one class."""

    lacks = ("", "")

    def _record(self, scheduler: Any, iteration: Any) -> None:
        owner, name = self.lacks
        scheduler, iteration = copy.deepcopy((scheduler, iteration))
        parts = {
            "SchedulerStats": [scheduler],
            "IterationStats": [iteration],
            "PromptTokenStats": [getattr(iteration, "prompt_token_stats", None)],
            "FinishedRequestStats": getattr(iteration, "finished_requests", ()),
            "SpecDecodingStats": [getattr(scheduler, "spec_decoding_stats", None)],
            "PerfStats": [getattr(scheduler, "perf_stats", None)],
        }
        for part in parts.get(owner, ()):
            vars(part or SimpleNamespace()).pop(name, None)
        super()._record(scheduler, iteration)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A process in which the plugin has not started yet."""
    for name in (
        activation.RESOLVED,
        activation.BOOT_FOLDER,
        activation.REQUESTED,
        activation.FLAGS,
        CHECKED,
    ):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("VLLM_PLUGINS", "another")
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    monkeypatch.setenv(activation.REQUESTED, "costmeter")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(probe, "_told", set())
    counts = ErrorCounts()
    for module in (faults, general, plugin_loading):
        monkeypatch.setattr(module, "FAULTS", counts)
    kept = {name: module for name, module in sys.modules.items() if name.startswith("vllm_costmeter.plugin.")}
    yield
    for name in [name for name in sys.modules if name.startswith("vllm_costmeter.plugin.")]:
        del sys.modules[name]
    sys.modules.update(kept)


def started(
    monkeypatch: pytest.MonkeyPatch,
    model: Path,
    row: Touched | None = None,
    name: str = "",
    flags: frozenset[str] | None = None,
) -> Started:
    """A whole life of a server whose vLLM lacks `name` of that row."""
    modules = vllm_modules(NEWER)
    own = {each: value for each, value in vars(EngineArgs).items() if each != "__dict__"}
    own["__annotations__"] = dict.fromkeys(READ_FLAGS if flags is None else flags)
    modules["vllm.engine.arg_utils"].EngineArgs = type("EngineArgs", (), own)
    modules["vllm.plugins"].load_endpoint_plugins = lambda tasks=None, **_: [SimpleNamespace(name="another")]
    for each in ("ModelMetrics", "ExecutionContext"):
        estimates = {name: value for name, value in vars(EstimatesAtHand).items() if name != "__dict__"}
        setattr(modules["vllm.v1.metrics.perf"], each, type(each, (), estimates))
    config, checked = (
        vllm_config(model, 0, 1),
        configured(
            model_config={"model": str(LLAMA_70B)},
            parallel_config={"data_parallel_size": 1, "data_parallel_size_local": 1},
            device_config={"device_type": "cuda"},
            speculative_config={"method": "ngram", "num_speculative_tokens": 2},
        ),
    )
    if row is not None:
        _remove(modules, (config, checked), row, name)
    for each, module in modules.items():
        monkeypatch.setitem(sys.modules, each, module)
    for each in ("serving.meter", "stat_logger"):
        monkeypatch.delitem(sys.modules, f"vllm_costmeter.plugin.{each}", raising=False)
    general.register()
    engine_args: Any = modules["vllm.engine.arg_utils"].EngineArgs
    parser = argparse.ArgumentParser()
    if hasattr(engine_args, "add_cli_args"):
        engine_args.add_cli_args(parser, is_async=True)
    if hasattr(engine_args, "create_engine_config"):
        assert engine_args(checked).create_engine_config(None, headless=True) is checked
    load = getattr(modules["vllm.plugins"], "load_endpoint_plugins", lambda tasks: [])
    endpoints = load(("generate",))
    monkeypatch.delenv(activation.RESOLVED, raising=False)
    monkeypatch.setenv("COSTMETER_GPU_HOURLY_USD", "3600")
    monkeypatch.setenv("COSTMETER_TENANT_FROM", "header")
    serving, logger = (
        importlib.import_module(f"vllm_costmeter.plugin.{each}") for each in ("serving.meter", "stat_logger")
    )
    monkeypatch.setattr(serving, "nvml_source", lambda count, **given: GpuAtHand())
    server = ServerWithout(logger.CostMeterStatLogger, model, None)
    server.lacks = (row.owner, name) if row is not None else ("", "")
    server._config = config
    thread = OneThread()
    monkeypatch.setattr(importlib.import_module("vllm_costmeter.metering.sampler"), "threading", thread)
    server.run(thread)
    server.clean_up()
    return server, parser, endpoints


def _remove(modules: dict[str, Any], configs: tuple[Any, ...], row: Touched, name: str) -> None:
    if row.at is not None:
        for config in configs:
            vars(getattr(config, row.at) or SimpleNamespace() if row.at else config).pop(name, None)
        return
    owner: Any = getattr(modules[row.module], row.owner) if row.owner else modules[row.module]
    if name == "is_enabled":  # set by the constructor
        del owner.__init__
    else:
        delattr(owner, name)


def test_a_vllm_that_lacks_nothing_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Newer than known, and all is there: flags, check, meter and endpoint work, and no line says that one is gone."""
    server, parser, _ = started(monkeypatch, model)
    assert not [record for record in caplog.records if " has no " in record.message]
    assert (server.escaped, server.ended) == ([], True)
    assert server.after["costmeter_tokens_totalgenerated"] == 19
    assert "CostMeter" in parser.format_help()
    assert any("refused" in record.message for record in caplog.records)


@pytest.mark.parametrize(("row", "name"), PROBED)
def test_each_thing_removed_in_turn(
    row: Touched, name: str, monkeypatch: pytest.MonkeyPatch, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing leaves the plugin, no traceback is logged, one line names it and what is lost; the other parts work."""
    server, parser, _ = started(monkeypatch, model, row, name)
    parts = {part for each in _rows_with(row, name) for part in each.parts.split()}
    assert server.escaped == []
    assert [record.message for record in caplog.records if record.exc_info] == []
    lines = [
        record.message for record in caplog.records if f"{row.owner or row.module}.{name}" in record.message
    ]
    for part in parts:
        assert sum(WITHOUT[part] in line for line in lines) >= 1, caplog.messages
    assert ("CostMeter" in parser.format_help()) == ("flags" not in parts)
    assert any("refused" in record.message for record in caplog.records) == ("check" not in parts)
    if "meter" not in parts:
        assert server.ended
        assert server.after["costmeter_tokens_totalgenerated"] == 19
        assert server.after["costmeter_errors_total"] == 0
    else:
        assert server.after.keys() == {"costmeter_errors_total"}


def _rows_with(row: Touched, name: str) -> list[Touched]:
    """The rows that look the same thing up, for other parts."""
    return [
        each
        for each in (*HOOKS, *CALLS, *CONFIGURATION, *STATISTICS)
        if (each.module, each.owner, each.at) == (row.module, row.owner, row.at) and name in each
    ]


def test_flags_that_are_gone_are_named_together(
    monkeypatch: pytest.MonkeyPatch, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the flags that the check reads, a newer vLLM without two of them: one line, and the check goes on."""
    started(monkeypatch, model, flags=READ_FLAGS - {"max_num_seqs", "block_size"})
    (line,) = [record.message for record in caplog.records if "takes vLLM's default" in record.message]
    assert "EngineArgs.max_num_seqs, EngineArgs.block_size" in line


@pytest.mark.parametrize("name", ["load_endpoint_plugins", "load_plugins_by_group"])
def test_a_loader_of_plugins_that_is_gone_is_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The endpoint where it was asked for; and where the meter is off, what it costs nonetheless."""
    if name == "load_plugins_by_group":
        monkeypatch.delenv(activation.REQUESTED)
        monkeypatch.setattr(EngineArgs, "__init__", lambda self, config: setattr(self, "_config", config))
    (row,) = [row for row in HOOKS if name in row]
    server, _, _ = started(monkeypatch, model, row, name)
    assert server.escaped == []
    (line,) = [record.message for record in caplog.records if name in record.message]
    assert WITHOUT[row.parts] in line
