"""What the workers found at boot, beside what the check predicted: both travel from process to process here.

The check (in the process that parses the command line) leaves its answer in a folder that the environment names; each
worker writes what it holds there once its KV cache is made; the process that charges reads both.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.boot_record import boot_of
from vllm_costmeter.core.fit_result import Fit
from vllm_costmeter.sources.calibration import remember

log = logging.getLogger("vllm.costmeter")

FOLDER = "_COSTMETER_BOOT_FOLDER"
CHECKED_FILE = "checked.pickle"
"""In a folder of mode 0700 that this server's own first process made: nobody else writes what is unpickled."""

PreflightBytes = dict[tuple[str, ...], float]
"""By (part, value): part weights or kv_cache, value predicted or actual."""


def open_folder() -> None:
    """Make the folder for the workers' reports; children inherit its name, and it goes with this process."""
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="costmeter-")
        atexit.register(shutil.rmtree, os.environ[FOLDER], ignore_errors=True)


def predict(result: Fit) -> None:
    """Keep what the check said for the process that charges, which may be another."""
    open_folder()
    (Path(os.environ[FOLDER]) / CHECKED_FILE).write_bytes(pickle.dumps(result))


def checked() -> Fit | None:
    """What the check said before the start; None where there was nothing to check against."""
    path = Path(os.environ.get(FOLDER, "")) / CHECKED_FILE
    return pickle.loads(path.read_bytes()) if path.is_file() else None


def wrap_worker() -> None:
    """In a worker process: report after its KV cache is made. `WorkerWrapperBase.initialize_from_config` is where
    vLLM 0.17 to 0.33 hands every worker its share, whatever the device."""
    module = sys.modules.get("vllm.v1.worker.worker_base")
    wrapper = getattr(module, "WorkerWrapperBase", None)
    if wrapper is None or hasattr(wrapper, "_costmeter") or FOLDER not in os.environ:
        return
    initialize = wrapper.initialize_from_config

    def initialize_and_report(self: Any, kv_cache_configs: Any) -> Any:
        answer = initialize(self, kv_cache_configs)
        with contextlib.suppress(Exception):  # a fact that nobody could tell is absent
            _report(self.worker, kv_cache_configs[self.global_rank])
        return answer

    wrapper.initialize_from_config = initialize_and_report
    wrapper._costmeter = True


def _report(worker: Any, kv_cache: Any) -> None:
    facts = {"kv_cache": sum(tensor.size for tensor in kv_cache.kv_cache_tensors)}
    weights = weights_bytes(worker.model_runner)
    if weights is not None:
        facts["weights"] = weights
    path = Path(os.environ[FOLDER]) / f"{os.getpid()}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(facts))
    temporary.replace(path)


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


def actual_bytes() -> dict[str, int]:
    """By part, per GPU: of several workers the fullest one's weights and the smallest KV cache, as vLLM itself plans.
    What nobody told is missing."""
    reports = [
        json.loads(path.read_text()) for path in Path(os.environ.get(FOLDER, "/nowhere")).glob("*.json")
    ]
    found = {}
    for part, choose in (("weights", max), ("kv_cache", min)):
        sizes = [report[part] for report in reports if part in report]
        if sizes:
            found[part] = choose(sizes)
    return found


def preflight_bytes(result: Fit | None, actual: Mapping[str, int]) -> PreflightBytes:
    """Both sides, as the metric shows them."""
    found: PreflightBytes = {(part, "actual"): size for part, size in actual.items()}
    if result is not None and result.per_gpu is not None:
        found["weights", "predicted"] = result.per_gpu.weights_bytes
        found["kv_cache", "predicted"] = result.per_gpu.kv_cache_available_bytes
    return found


def learn(
    result: Fit | None, actual: Mapping[str, int], kv_cache_tokens: int | None, today: str, *, on_cpu: bool
) -> None:
    """Leave this start to later checks of the same deployment. What a server on a CPU had says nothing of the card it
    was checked against, and is kept apart; neither does a GPU server that was told another card's name."""
    if result is None or "kv_cache" not in actual or not (on_cpu or result.gpu.source == "nvml"):
        return
    boot = boot_of(
        result.model,
        result.gpu,
        result.plan,
        pool_bytes=actual["kv_cache"],
        on=today,
        kv_cache_tokens=kv_cache_tokens,
        weights_bytes=actual.get("weights"),
    )
    if boot is not None and (fault := remember(boot, on_cpu=on_cpu)) is not None:
        log.warning("costmeter: %s", fault)
