"""What the check predicted, beside what the workers found at boot: for /metrics, and for later checks.

The check (in the process that parses the command line) leaves its answer in the server's boot folder, the workers what
they hold (`worker_report.py`); the process that charges reads both. A fault on that way costs these facts alone.
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
    """Make room for the workers' reports and leave what the check said, if it said anything. Never raises."""
    with _costs_only_itself("the weights and KV cache of this start are not compared with the fit check"):
        folder = open_folder()
        if result is not None:
            write_file(folder / CHECKED_FILE, pickle.dumps(result))


def checked() -> Fit | None:
    """What the check said before the start; None where there was nothing to check against, or it cannot be read."""
    with _costs_only_itself("the fit check's prediction is not published"):
        file = _folder() / CHECKED_FILE
        if file.is_file():
            found: Fit = pickle.loads(file.read_bytes())
            return found
    return None


def actual_bytes(workers: int) -> dict[str, int]:
    """By part, per GPU: of several workers the fullest one's weights and the smallest KV cache, as vLLM itself plans.

    What nobody told is missing, and everything where one of the `workers` of this machine told nothing: it may have
    been the fullest.
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
        result.engine_args,
        pool_bytes=actual["kv_cache"],
        on=today,
        kv_cache_tokens=kv_cache_tokens,
        weights_bytes=actual.get("weights"),
    )
    if boot is not None and (fault := remember(boot, on_cpu=on_cpu)) is not None:
        log.warning("costmeter: %s", fault)


def _folder() -> Path:
    return Path(os.environ.get(BOOT_FOLDER, "/nowhere"))


@contextmanager
def _costs_only_itself(what: str) -> Iterator[None]:
    """A fault inside is counted and said in one line with `what` is lost by it, and goes no further."""
    try:
        yield
    except Exception as why:  # noqa: BLE001 (a full disk, a folder that is gone, a file that is not ours)
        FAULTS.add("start")
        log.warning("costmeter: %s: %s: %s", what, type(why).__name__, why)
