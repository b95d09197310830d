"""The fit check's prediction and the workers' measurements at start-up, for /metrics and for later checks.

The check (in the process that parses the command line) writes its result to the server's boot folder, the workers
write their memory (`worker_report.py`), and the process that charges reads both. An error here affects only these
values.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vllm_costmeter.core.calibration.record import boot_of
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.starting.boot_folder import CHECKED_FILE, open_folder, write_file
from vllm_costmeter.sources.files.calibration import remember

log = logging.getLogger("vllm.costmeter")

PreflightBytes = dict[tuple[str, ...], float]
"""By (part, value): part weights or kv_cache, value predicted or actual."""


def hand_over(result: Fit | None) -> None:
    """Create the folder for the workers' reports and write the check's result to it, if there is one. Never raises."""
    with _costs_only_itself("the weights and KV cache of this start are not compared with the fit check"):
        folder = open_folder()
        if result is not None:
            write_file(folder / CHECKED_FILE, pickle.dumps(result))


def checked() -> Fit | None:
    """The check's result from before the start; None if there was no check or its result cannot be read."""
    with _costs_only_itself("the fit check's prediction is not published"):
        file = _folder() / CHECKED_FILE
        if file.is_file():
            found: Fit = pickle.loads(file.read_bytes())
            return found
    return None


def actual_bytes(workers: int) -> dict[str, int]:
    """By part, per GPU: the largest weights and the smallest KV cache among the workers, as vLLM itself plans.

    Parts that were not reported are missing; everything is missing if one of this machine's `workers` did not report,
    because it may have the largest weights.
    """
    with _costs_only_itself("the workers' memory is not published"):
        reports = [json.loads(path.read_text()) for path in _folder().glob("*.json")]
        if reports and len(reports) < workers:
            raise ValueError(f"only {len(reports)} of {workers} workers reported it")
        found = {}
        for part, choose in (("weights", max), ("kv_cache", min)):
            sizes = [report[part] for report in reports if part in report]
            if sizes and len(sizes) == len(reports):
                found[part] = choose(sizes)
        return found
    return {}


def preflight_bytes(result: Fit | None, actual: Mapping[str, int]) -> PreflightBytes:
    """Both values, as the metric publishes them."""
    found: PreflightBytes = {(part, "actual"): size for part, size in actual.items()}
    if result is not None and result.per_gpu is not None:
        found["weights", "predicted"] = result.per_gpu.weights_bytes
        found["kv_cache", "predicted"] = result.per_gpu.kv_cache_available_bytes
    return found


def learn(result: Fit | None, actual: Mapping[str, int], today: str, *, on_cpu: bool) -> None:
    """Record this start for later checks of the same deployment. A server on a CPU is recorded separately, because it
    is no evidence about the GPU it was checked for; a GPU server that was given another GPU's name is not recorded."""
    if result is None or "kv_cache" not in actual or not (on_cpu or result.gpu.is_local):
        return
    boot = boot_of(
        result.model,
        result.gpu,
        result.engine_args,
        result.engine.release,
        pool_bytes=actual["kv_cache"],
        on=today,
        weights_bytes=actual.get("weights"),
    )
    if boot is not None and (fault := remember(boot, on_cpu=on_cpu)) is not None:
        log.warning("costmeter: %s", fault)


def _folder() -> Path:
    return Path(os.environ.get(BOOT_FOLDER, "/nowhere"))


@contextmanager
def _costs_only_itself(what: str) -> Iterator[None]:
    """An error inside is counted and logged in one line with `what` is lost by it, and is not raised."""
    try:
        yield
    except Exception as why:  # noqa: BLE001 (a full disk, a folder that is gone, a file that is not ours)
        FAULTS.add("start")
        log.warning("costmeter: %s: %s: %s", what, type(why).__name__, why)
