"""A newer vLLM with another endpoint interface, worker or stat logger: it starts, and one line says what is gone."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from vllm_modules import vllm_modules

from vllm_costmeter.plugin import activation, general, plugin_loading, probe
from vllm_costmeter.plugin.endpoint import CostMeterEndpoints
from vllm_costmeter.sources.vllm.touched import HOOKS, WORKERS, Touched

NEWER = "0.34.0"


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in which no line was said yet."""
    monkeypatch.setattr(probe, "_told", set())
    monkeypatch.delenv(activation.REQUESTED, raising=False)


@pytest.mark.parametrize("name", ["name", "required_tasks", "attach_router", "init_state"])
def test_an_endpoint_that_vllm_would_not_call_is_left_out(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A member that the interface lost, or one that it has gained: vLLM is not given an endpoint that fails there."""
    interface = "vllm.plugins.endpoint_plugins.interface"
    for gained in (False, True):
        modules = vllm_modules(NEWER)
        owner = modules[interface].EndpointPlugin
        if gained:
            owner.shut_down = None
        else:
            delattr(owner, name)
        for each in ("vllm", interface):
            monkeypatch.setitem(sys.modules, each, modules[each])
        assert not plugin_loading._is_as_vllm_calls_it(CostMeterEndpoints())
    assert f"EndpointPlugin.{name}" in caplog.text
    assert "shut_down" in caplog.text


@pytest.mark.parametrize(("row", "name"), [(row, name) for row in (HOOKS[4], *WORKERS) for name in row])
def test_a_worker_without_one_of_them_starts(
    row: Touched,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It allocates its cache and says in one line what is not measured, or measures it another way."""
    monkeypatch.setenv(activation.BOOT_FOLDER, str(tmp_path))
    tensor = SimpleNamespace(numel=lambda: 10, element_size=lambda: 2)
    objects: dict[str, Any] = {
        "GPUModelRunner": SimpleNamespace(
            model_memory_usage=20, model=SimpleNamespace(parameters=lambda: [tensor])
        ),
        "KVCacheTensor": SimpleNamespace(size=100),
    }
    objects["Worker"] = SimpleNamespace(model_runner=objects["GPUModelRunner"])
    objects["KVCacheConfig"] = SimpleNamespace(kv_cache_tensors=[objects["KVCacheTensor"]])
    wrapper = type(
        "WorkerWrapperBase", (), {"initialize_from_config": lambda self, configs, **_: "allocated"}
    )
    wrapper.worker, wrapper.global_rank = objects["Worker"], 0  # type: ignore[attr-defined]
    objects["WorkerWrapperBase"] = wrapper
    delattr(objects[row.owner], name)
    modules = vllm_modules(NEWER)
    del modules["vllm.engine.arg_utils"]  # a worker makes no configuration
    modules["vllm.v1.worker.worker_base"].WorkerWrapperBase = wrapper
    for each, module in modules.items():
        monkeypatch.setitem(sys.modules, each, module)
    monkeypatch.delitem(sys.modules, "vllm.engine.arg_utils", raising=False)
    general.register()
    if name != "initialize_from_config":
        assert wrapper().initialize_from_config([objects["KVCacheConfig"]], eager=True) == "allocated"  # type: ignore[attr-defined]
    assert [record for record in caplog.records if record.exc_info] == []
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == (name not in ("model_memory_usage", "model"))
    assert all(name in line for line in warnings)


def test_hooks_take_what_a_newer_vllm_passes_besides(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    """Further arguments of the calls into the stat logger, and a method that its base newly asks for."""
    import abc

    modules = vllm_modules(NEWER)

    class AggregateStatLoggerBase(abc.ABC):
        @abc.abstractmethod
        def record(self) -> None: ...

        @abc.abstractmethod
        def record_power(self) -> None: ...

        record_sleep_state = None

    modules["vllm.v1.metrics.loggers"].AggregateStatLoggerBase = AggregateStatLoggerBase
    for each, module in modules.items():
        monkeypatch.setitem(sys.modules, each, module)
    monkeypatch.delitem(sys.modules, "vllm_costmeter.plugin.stat_logger", raising=False)
    logger = importlib.import_module("vllm_costmeter.plugin.stat_logger").CostMeterStatLogger
    off = logger(SimpleNamespace(additional_config={}), [0], "more", further=1)
    off.record(None, None, None, 0, "more", further=1)
    off.record_sleep_state(1, 1, "more", further=1)
    off.log_engine_initialized("more", further=1)
    off.record_power()
