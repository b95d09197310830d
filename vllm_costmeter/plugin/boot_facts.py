"""What the workers found at boot, beside what the check predicted: both travel from process to process here.

The check (in the process that parses the command line) puts its prediction and a folder into the environment; each
worker writes what it holds into that folder once its KV cache is made; the process that charges reads both.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.fit_result import Fit

PREDICTION = "_COSTMETER_PREDICTION"
FOLDER = "_COSTMETER_BOOT_FOLDER"

PreflightBytes = dict[tuple[str, ...], float]
"""By (part, value): part weights or kv_cache, value predicted or actual."""


def open_folder() -> None:
    """Make the folder for the workers' reports; children inherit its name, and it goes with this process."""
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="costmeter-")
        atexit.register(shutil.rmtree, os.environ[FOLDER], ignore_errors=True)


def predict(result: Fit) -> None:
    """Remember what the check says of one GPU; nothing where it does not know every part."""
    memory = result.per_gpu
    if memory is not None:
        predicted = {"weights": memory.weights_bytes, "kv_cache": memory.kv_cache_available_bytes}
        os.environ[PREDICTION] = json.dumps(predicted)


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
    weights = getattr(worker.model_runner, "model_memory_usage", None)
    if weights:
        facts["weights"] = int(weights)
    path = Path(os.environ[FOLDER]) / f"{os.getpid()}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(facts))
    temporary.replace(path)


def preflight_bytes(environ: Mapping[str, str] = os.environ) -> PreflightBytes:
    """Predicted and actual bytes per GPU: of several workers the fullest one's weights, the smallest KV cache, as vLLM
    itself plans. What nobody told is missing."""
    found: PreflightBytes = {}
    if PREDICTION in environ:
        found |= {(part, "predicted"): size for part, size in json.loads(environ[PREDICTION]).items()}
    if FOLDER in environ:
        reports = [json.loads(path.read_text()) for path in sorted(Path(environ[FOLDER]).glob("*.json"))]
        for part, choose in (("weights", max), ("kv_cache", min)):
            sizes = [report[part] for report in reports if part in report]
            if sizes:
                found[part, "actual"] = choose(sizes)
    return found
