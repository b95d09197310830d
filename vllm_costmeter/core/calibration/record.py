"""Compares a real server start with its prediction and builds the record of it."""

from __future__ import annotations

from vllm_costmeter.core.calibration.apply import boot_key, flags_of
from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import has_stated_pool
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release


def boot_of(
    model: Model,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    release: Release,
    *,
    pool_bytes: int,
    on: str,
    weights_bytes: int | None = None,
) -> ServerStart | None:
    """The record of a server start in which the KV cache got `pool_bytes` per GPU (blocks x bytes per block).

    None if there is nothing to learn: the pool was set by a flag, the layout has several pipeline ranks, or
    the rules make no prediction.
    """
    predicted = fit(model, gpu, engine_args, release)
    several = engine_args.layout.pipeline_parallel_size > 1
    if predicted.per_gpu is None or predicted.kv_cache is None or several or has_stated_pool(engine_args):
        return None
    use = predicted.per_gpu
    used = use.budget_bytes - pool_bytes
    if pool_bytes <= 0 or used < 0:
        return None
    return ServerStart(
        key=boot_key(model, gpu, predicted.engine),
        flags=flags_of(model, predicted.engine, engine_args),
        predicted_used_bytes=use.budget_bytes - use.kv_cache_available_bytes,
        used_bytes=used,
        on=on,
        weights_bytes=weights_bytes,
    )
