"""Our stat logger over stand-ins for the modules of vLLM that it imports, and the thread it runs on."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin.hooked_server import EstimatesAtHand, GpuAtHand, OneThread
from vllm_modules import vllm_modules

from scripts.servers.tiny_model import CONFIG
from vllm_costmeter.metering import sampler


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    """Undone after the module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def logger_class(patched: pytest.MonkeyPatch) -> type:
    """Our stat logger over a stand-in for the modules of vLLM that it imports, and a GPU without a driver."""
    for name, module in vllm_modules().items():
        patched.setitem(sys.modules, name, module)
    sys.modules["vllm.v1.metrics"].loggers = sys.modules["vllm.v1.metrics.loggers"]  # type: ignore[attr-defined]
    sys.modules["vllm.v1.metrics.perf"].ModelMetrics = EstimatesAtHand  # type: ignore[attr-defined]
    sys.modules["vllm.v1.metrics.perf"].ExecutionContext = EstimatesAtHand  # type: ignore[attr-defined]
    for name in ("serving.meter", "stat_logger"):
        patched.delitem(sys.modules, f"vllm_costmeter.plugin.{name}", raising=False)
    serving, stat_logger = (  # anew: as attributes of their package they may be of another module's stand-ins
        importlib.import_module(f"vllm_costmeter.plugin.{name}") for name in ("serving.meter", "stat_logger")
    )
    patched.setattr(serving, "server_gpus", lambda count, **given: GpuAtHand())
    patched.setenv("VLLM_PLUGINS", "costmeter")
    patched.setenv("COSTMETER_GPU_HOURLY_USD", "3600")
    patched.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    patched.setenv("_COSTMETER_SETTINGS", "")  # so that what the plugin sets is undone
    found: type = stat_logger.CostMeterStatLogger
    return found


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> OneThread:
    stand_in = OneThread()
    monkeypatch.setattr(sampler, "threading", stand_in)
    return stand_in


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration file of a small Llama."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder
