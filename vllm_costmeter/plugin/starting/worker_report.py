"""In a worker process: report its GPU memory, once its KV cache is allocated, to the process that charges."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.starting.boot_folder import write_file

log = logging.getLogger("vllm.costmeter")


def wrap_worker() -> None:
    """Report after the KV cache is allocated. vLLM 0.17 to 0.33 gives every worker its share in
    `WorkerWrapperBase.initialize_from_config`, on any device."""
    module = sys.modules.get("vllm.v1.worker.worker_base")
    wrapper = getattr(module, "WorkerWrapperBase", None)
    if module is None or hasattr(wrapper, "_costmeter"):
        return
    initialize = getattr(wrapper, "initialize_from_config", None)
    if wrapper is None or initialize is None:
        from vllm_costmeter.plugin.probe import tell_missing_hook

        tell_missing_hook("initialize_from_config")
        return

    def initialize_and_report(self: Any, kv_cache_configs: Any, *args: Any, **kwargs: Any) -> Any:
        answer = initialize(self, kv_cache_configs, *args, **kwargs)
        try:
            _report(self.worker, kv_cache_configs[self.global_rank])
        except Exception as why:  # noqa: BLE001 (an unknown value is absent)
            log.warning(
                "costmeter: this worker's memory could not be measured: %s: %s", type(why).__name__, why
            )
        return answer

    wrapper.initialize_from_config = initialize_and_report
    wrapper._costmeter = True


def _report(worker: Any, kv_cache: Any) -> None:
    facts = {"kv_cache": sum(tensor.size for tensor in kv_cache.kv_cache_tensors)}
    weights = weights_bytes(worker.model_runner)
    if weights is not None:
        facts["weights"] = weights
    write_file(Path(os.environ[BOOT_FOLDER]) / f"{os.getpid()}.json", json.dumps(facts).encode())


def weights_bytes(runner: Any) -> int | None:
    """The GPU memory taken while loading; if that is not measured (on a CPU), the bytes of the parameters. None if
    these are incomplete: vLLM's CPU kernels repack a layer's weight and leave an empty parameter in its place."""
    measured = getattr(runner, "model_memory_usage", None)
    if measured:
        return int(measured)
    parameters = list(runner.model.parameters())
    if any(part.numel() == 0 for part in parameters):
        return None
    return sum(int(part.numel() * part.element_size()) for part in parameters)
