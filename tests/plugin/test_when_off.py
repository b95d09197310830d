"""Installed and not asked for: what a vLLM pays for the package, counted in modules, in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vllm_costmeter

AS_IN_VLLM = """
import __future__, argparse, contextlib, dataclasses, functools, importlib.metadata, inspect, json, logging, os, sys
from types import ModuleType, SimpleNamespace

def vllm_module(name, **content):
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(content)

class EngineArgs:
    additional_config = {}
    @staticmethod
    def add_cli_args(parser):
        return parser
    def create_engine_config(self):
        return "the configuration"

class StatLogger:
    pass

def load_plugins_by_group(group):
    return {"costmeter": StatLogger, "another": StatLogger}

vllm_module("vllm")
vllm_module(
    "vllm.plugins",
    load_endpoint_plugins=lambda tasks=None: [SimpleNamespace(name="another")],
    load_plugins_by_group=load_plugins_by_group,
)
vllm_module("vllm.engine.arg_utils", EngineArgs=EngineArgs)
for name in ("vllm.v1", "vllm.v1.metrics"):
    vllm_module(name)
vllm_module("vllm.v1.metrics.loggers", AggregateStatLoggerBase=StatLogger, load_plugins_by_group=load_plugins_by_group)
plugins = sys.modules["vllm.plugins"]
before = set(sys.modules)

def added():
    global before
    found, before = set(sys.modules) - before, set(sys.modules)
    print(json.dumps(sorted(found)))
"""
"""A stand-in for what vLLM has imported when it looks for plugins, except vLLM itself: about 2,000 modules there."""

ATTACHED = {
    "vllm_costmeter",
    "vllm_costmeter.outputs",
    "vllm_costmeter.outputs.metrics",
    "vllm_costmeter.outputs.metrics.error_counts",
    "vllm_costmeter.plugin",
    "vllm_costmeter.plugin.activation",
    "vllm_costmeter.plugin.faults",
    "vllm_costmeter.plugin.general",
    "vllm_costmeter.plugin.plugin_loading",
}
FLAG_TABLE = {
    "vllm_costmeter.core",
    "vllm_costmeter.core.dataclass",
    "vllm_costmeter.core.errors",
    "vllm_costmeter.core.gpu",
    "vllm_costmeter.core.gpu.reading",
    "vllm_costmeter.core.gpu.share",
    "vllm_costmeter.core.settings",
    "vllm_costmeter.core.settings.budget_settings",
    "vllm_costmeter.core.settings.page_settings",
    "vllm_costmeter.core.settings.request_settings",
    "vllm_costmeter.core.settings.telemetry_settings",
    "vllm_costmeter.core.settings.setting",
    "vllm_costmeter.core.settings.values",
    "vllm_costmeter.core.settings.table",
    "vllm_costmeter.plugin.flags",
}
ATTACH = "from vllm_costmeter.plugin.general import register; register(); register(); added()\n"


def imported(program: str, **environ: str) -> list[set[str]]:
    """What each call of `added()` in a process of vLLM's finds newly imported."""
    import_path = str(Path(vllm_costmeter.__file__).parents[1])
    inherited = {
        name: value for name, value in os.environ.items() if "VLLM" not in name and "COST" not in name
    }
    done = subprocess.run(
        [sys.executable, "-c", AS_IN_VLLM + program],
        env={**inherited, "PYTHONPATH": import_path, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [set(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("named", [{}, {"VLLM_PLUGINS": "another"}])
def test_attaching_imports_nine_small_files_and_no_library(named: dict[str, str]) -> None:
    """In every process of every vLLM: no fit engine, no catalogue, no library, nothing of the standard one either."""
    (attached,) = imported(ATTACH, **named)
    assert attached == ATTACHED


def test_a_worker_and_a_configuration_without_us_import_nothing_more() -> None:
    """Making the configuration, loading the other plugins and the stat logger cost one file."""
    program = (
        "EngineArgs().create_engine_config()\n"
        "plugins.load_endpoint_plugins(); plugins.load_plugins_by_group('vllm.general_plugins'); added()\n"
        "from vllm_costmeter.plugin.stat_logger import CostMeterStatLogger\n"
        "logger = CostMeterStatLogger(SimpleNamespace(additional_config={}), [0])\n"
        "logger.record(None, None); logger.log_engine_initialized(); added()\n"
    )
    _, configured, logging = imported(ATTACH + program)
    assert configured == set()
    assert logging == {"vllm_costmeter.plugin.stat_logger"}


def test_the_flag_table_is_read_when_the_parser_is_built() -> None:
    """`vllm serve --help` shows our group, for the settings table alone."""
    program = (
        "parser = EngineArgs.add_cli_args(argparse.ArgumentParser())\n"
        "assert 'CostMeter' in parser.format_help()\n"
        "added()\n"
    )
    _, parsed = imported(ATTACH + program)
    assert {name for name in parsed if name.startswith("vllm_costmeter")} == FLAG_TABLE
    assert {name.partition(".")[0] for name in parsed} <= {"vllm_costmeter", *sys.stdlib_module_names}


def test_statistics_that_were_switched_off_stay_off() -> None:
    """vLLM gathers statistics for any stat logger plugin, also under `--disable-log-stats`: ours is not among them
    while the meter is off, wherever the loader's name was bound, and the others' are."""
    program = (
        "loggers = sys.modules['vllm.v1.metrics.loggers']\n"
        "loaded = lambda module: sorted(module.load_plugins_by_group('vllm.stat_logger_plugins'))\n"
        "EngineArgs().create_engine_config()\n"
        "assert loaded(loggers) == loaded(plugins) == ['another'], loaded(loggers)\n"
        "assert len(plugins.load_plugins_by_group('vllm.general_plugins')) == 2\n"
        "metered = EngineArgs(); metered.additional_config = {'costmeter': {'preflight': 'off'}}\n"
        "logging.disable(); metered.create_engine_config()\n"
        "assert loaded(loggers) == ['another', 'costmeter']\n"
    )
    imported(ATTACH + program)


@pytest.mark.parametrize(("installed", "loaded"), [("costmeter", 0), ("another", 1)])
def test_vllm_does_not_warn_of_an_endpoint_that_nobody_asked_for(installed: str, loaded: int) -> None:
    """With no endpoint plugin but ours, vLLM has none to load and is not asked; with another, it is asked as ever."""
    entry_points = f"importlib.metadata.entry_points = lambda **_: [SimpleNamespace(name={installed!r})]\n"
    imported(entry_points + ATTACH + f"assert len(plugins.load_endpoint_plugins()) == {loaded}\n")
