"""A fault of ours while vLLM starts is logged and counted, and vLLM starts all the same."""

from __future__ import annotations

import argparse
import linecache
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from plugin.line_faults import Line, LineFaults

from vllm_costmeter.plugin import activation, endpoint, general
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.starting.preflight import CHECKED

STARTING_PATH = ("vllm_costmeter/plugin/",)
SET_BY_THE_START = (activation.RESOLVED, activation.BOOT_FOLDER, CHECKED)
THEIRS = ("= add_cli_args(*args", "= create_engine_config(self", "list(load(")
"""Lines that call what vLLM would have called without us: a fault there is vLLM's own."""


def stand_in() -> type:
    """vLLM's argument class, which the general plugin wraps."""

    class EngineArgs:
        additional_config: dict[str, Any] = {}  # noqa: RUF012

        @staticmethod
        def add_cli_args(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
            parser.add_argument("--model")
            return parser

        def create_engine_config(self) -> str:
            return "the configuration"

    return EngineArgs


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[ModuleType, ModuleType]:
    """Stand-ins for the two modules of vLLM that the general plugin touches."""
    arguments, plugins = ModuleType("vllm.engine.arg_utils"), ModuleType("vllm.plugins")
    vllm = ModuleType("vllm")
    vllm.plugins = plugins  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    monkeypatch.setitem(sys.modules, "vllm.engine.arg_utils", arguments)
    monkeypatch.setitem(sys.modules, "vllm.plugins", plugins)
    for name in (activation.REQUESTED, activation.FLAGS, activation.RESOLVED, "VLLM_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(activation.REQUESTED, "costmeter")
    for name in SET_BY_THE_START:
        monkeypatch.setenv(name, "")  # so that it is undone
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return arguments, plugins


def start(vllm: tuple[ModuleType, ModuleType], at: Line | None) -> LineFaults:
    """vLLM's start as far as it touches us: plugins, flags, configuration, endpoints."""
    arguments, plugins = vllm
    arguments.EngineArgs = stand_in()  # type: ignore[attr-defined]
    plugins.load_endpoint_plugins = lambda tasks=None: [SimpleNamespace(name="another")]  # type: ignore[attr-defined]
    faults = LineFaults(STARTING_PATH, at)
    with pytest.MonkeyPatch.context() as patch, faults.watching():
        for name in SET_BY_THE_START:
            patch.delenv(name)
        general.register()
        general.register()
        parser = arguments.EngineArgs.add_cli_args(argparse.ArgumentParser())
        parser.parse_args(["--model", "m"])
        assert arguments.EngineArgs().create_engine_config() == "the configuration"
        patch.setenv("VLLM_PLUGINS", "another")
        assert next(plugin.name for plugin in plugins.load_endpoint_plugins()) == "another"
    return faults


def test_no_line_of_the_start_keeps_vllm_from_starting(vllm: tuple[ModuleType, ModuleType]) -> None:
    """Plugins load, flags parse, the configuration is made, other endpoints are there, whichever line of ours fails."""
    before = sum(FAULTS.counts().values())
    reached = start(vllm, None).reached
    walked = 0
    for line, function in reached.items():
        if any(call in linecache.getline(*line) for call in THEIRS):
            continue
        counted = sum(FAULTS.counts().values())
        if start(vllm, line).fired:
            walked += 1
            assert sum(FAULTS.counts().values()) > counted, f"{Path(line[0]).name}:{line[1]} in {function}"
    assert walked > 70
    assert sum(FAULTS.counts().values()) >= before + walked


def test_a_route_that_cannot_be_added_is_left_out() -> None:
    """The server starts without it."""
    before = sum(FAULTS.counts().values())
    endpoint.CostMeterEndpoints().attach_router(SimpleNamespace())
    assert sum(FAULTS.counts().values()) > before
