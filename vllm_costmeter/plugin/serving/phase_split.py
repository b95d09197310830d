"""The split of a running server's active cost between prefill and decode: the model's work at the GPU's rates."""

from __future__ import annotations

import logging
from typing import Any

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.meter import GENERIC_CPU, GpuRates, PhaseSplit
from vllm_costmeter.core.meter.split.model_work import model_work
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.mfu_work import published_work
from vllm_costmeter.sources.vllm.config import ServerShape, is_on_cpu, plan_of_running
from vllm_costmeter.sources.vllm.installed import running_release

log = logging.getLogger("vllm.costmeter")


def phase_split(
    vllm_config: Any, shape: ServerShape, gpu: GpuSpec | None, without: frozenset[str] = frozenset()
) -> PhaseSplit | None:
    """None, with one log line, if the model's shape or the GPU's rates are unknown: then phases have no prices. The
    parts in `without` were named before."""
    if "phases" in without:
        return None
    rates = _rates(gpu, vllm_config)
    if rates is None:
        log.warning("costmeter: this GPU's rates are unknown, so prefill and decode have no separate prices")
        return None
    try:
        from vllm_costmeter.plugin.serving.served_model import model_being_served

        engine_args: EngineArgs = plan_of_running(vllm_config)
        published = None if "work" in without else published_work(vllm_config, shape.api_process_count)
        return PhaseSplit(
            model_work(model_being_served(vllm_config), engine_args, running_release()), rates, published
        )
    except (NotUnderstoodError, BadInputError) as why:
        log.warning("costmeter: prefill and decode have no separate prices: %s", why)
        return None
    except Exception:
        FAULTS.add("start")
        log.exception("costmeter: prefill and decode have no separate prices")
        return None


def _rates(gpu: GpuSpec | None, vllm_config: Any) -> GpuRates | None:
    """The GPU's dense 16-bit rate and bandwidth; a typical CPU's ratio on vLLM's CPU platform."""
    if gpu is not None:
        flops, bandwidth = gpu.sixteen_bit_flops_per_second, gpu.bandwidth_bytes_per_second
        return (
            GpuRates(flops, bandwidth, fastest_flops_per_second=_fastest(gpu))
            if flops and bandwidth
            else None
        )
    return GENERIC_CPU if is_on_cpu(vllm_config) else None


def _fastest(gpu: GpuSpec) -> float | None:
    """In the narrowest format that the GPU supports."""
    return gpu.fp4_flops_per_second or gpu.fp8_flops_per_second
