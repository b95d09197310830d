"""A vLLM plugin for tests only, which makes the meter fail inside a running server while a file exists, and its
sampler stand still while another does."""

from __future__ import annotations

import os
from pathlib import Path

SWITCH = "COSTMETER_TEST_FAULTS"
STARVED = "-sampler-starved"
"""What the name of the second file ends with."""
MODULE = f'''
import functools
import importlib
import inspect
import os
import random
import time

SWITCH = os.environ["{SWITCH}"]
ROOMS = (
    "vllm_costmeter.sources.vllm.step_stats",
    "vllm_costmeter.sources.vllm.row_ring",
    "vllm_costmeter.plugin.serving.meter",
    "vllm_costmeter.metering.server_meter",
    "vllm_costmeter.outputs.metrics.exposition",
    "vllm_costmeter.outputs.metrics.collector",
    "vllm_costmeter.core.meter.activity",
    "vllm_costmeter.core.meter.meter",
    "vllm_costmeter.core.meter.split.phases",
    "vllm_costmeter.core.meter.windows",
)
CALLED_BY_THE_LIBRARY = ("collect", "describe")  # prometheus_client is on the other side of these
chance = random.Random(7)


def failing(function):
    @functools.wraps(function)
    def wrapped(*arguments, **named):
        while function.__name__ == "tick" and os.path.exists(SWITCH + "{STARVED}"):
            time.sleep(0.1)
        if os.path.exists(SWITCH) and chance.random() < 0.1:
            raise {{error}}("injected")
        return function(*arguments, **named)

    return wrapped


def register():
    """In the process that serves, once the plugin is there."""
    import vllm_costmeter.plugin.general as general

    if hasattr(general, "_faulty"):
        return
    general._faulty = True
    import vllm.v1.metrics.loggers as loggers

    load = loggers.load_stat_logger_plugin_factories

    def load_then_break():
        found = load()
        for name in ROOMS:
            module = importlib.import_module(name)
            for owner in [module, *(c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == name)]:
                for attribute, value in list(vars(owner).items()):
                    mine = inspect.isfunction(value) and value.__module__ == name
                    if mine and attribute not in CALLED_BY_THE_LIBRARY and not attribute.startswith("__"):
                        setattr(owner, attribute, failing(value))
        return found

    for module in (loggers, importlib.import_module("vllm.v1.engine.async_llm")):
        module.load_stat_logger_plugin_factories = load_then_break
'''
METADATA = "Metadata-Version: 2.1\nName: costmeter-test-faults\nVersion: 1\n"
ENTRY_POINTS = "[vllm.general_plugins]\ncostmeter_test_faults = costmeter_test_faults:register\n"


def install_faults(folder: Path, error: str = "RuntimeError") -> tuple[dict[str, str], Path]:
    """The environment in which a server has the plugin, and the file that switches the faults on. `error`: the name of
    the exception."""
    (folder / "costmeter_test_faults.py").write_text(MODULE.replace("{error}", error))
    metadata = folder / "costmeter_test_faults-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(METADATA)
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    switch = folder / "faults-are-on"
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path, SWITCH: str(switch)}, switch
