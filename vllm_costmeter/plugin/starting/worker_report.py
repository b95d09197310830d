"""In a worker process: what it holds on its GPU once its KV cache is made, left for the process that charges."""

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
    """Report after the KV cache is made. `WorkerWrapperBase.initialize_from_config` is where vLLM 0.17 to 0.33 hands
    every worker its share, whatever the device."""
    module = sys.modules.get("vllm.v1.worker.worker_base")
    wrapper = getattr(module, "WorkerWrapperBase", None)
    if wrapper is None or hasattr(wrapper, "_costmeter"):
        return
    initialize = wrapper.initialize_from_config

    def initialize_and_report(self: Any, kv_cache_configs: Any) -> Any:
        answer = initialize(self, kv_cache_configs)
        try:
            _report(self.worker, kv_cache_configs[self.global_rank])
        except Exception as why:  # noqa: BLE001 (a fact that nobody could tell is absent)
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
    """What the card lost while loading; where that is not measured (a CPU), the parameters' own bytes. None where
    they tell too little: vLLM's CPU kernels repack a layer's weight and leave an empty parameter in its place."""
    measured = getattr(runner, "model_memory_usage", None)
    if measured:
        return int(measured)
    parameters = list(runner.model.parameters())
    if any(part.numel() == 0 for part in parameters):
        return None
    return sum(int(part.numel() * part.element_size()) for part in parameters)
