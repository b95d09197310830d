"""The boots of vLLM 0.19.0 on H100 that llm-d-planner published."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace

from scripts.accuracy.logged_start import CORPUS, ROOT, LoggedStart
from vllm_costmeter.assembly import Check, assembled
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.fit.sizing import deployment
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.memory.ranks import ENDS
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import read_model

MODELS = ROOT / "tests" / "data" / "models"
LOG_ROUNDING_BYTES = GIB // 200  # logs print hundredths of a GiB

BOOT_CARD = GpuGroup("H100 SXM", round(79.19 * GIB), compute_capability=(9, 0), source="flag")


def boots() -> Iterator[Mapping[str, str]]:
    """The rows of the published table."""
    with (CORPUS / "boots_vllm_0.19.0_h100.csv").open() as file:
        yield from csv.DictReader(file)


def boot_rows() -> Iterator[LoggedStart]:
    """The boots of vLLM 0.19.0 on H100."""
    return map(_boot, boots())


def plan_of(boot: Mapping[str, str]) -> EngineArgs:
    """The engine arguments of one boot."""
    return EngineArgs(
        layout=ParallelConfig(int(boot["tp"]), int(boot["pp"]), int(boot["dp"])),
        max_model_len=int(boot["max_model_len"]),
        gpu_memory_utilization=float(boot["util"]) if boot["util"] else None,
        max_num_batched_tokens=int(boot["max_num_batched_tokens"] or 8192),
        dtype=boot["dtype"],
        quantization=boot["quant"] or None,
        kv_cache_dtype=boot["kv_cache_dtype"],
    )


def gpu_of(engine_args: EngineArgs) -> GpuGroup:
    """The H100s of one boot."""
    layout = engine_args.layout
    world = layout.tensor_parallel_size * layout.pipeline_parallel_size * layout.data_parallel_size
    return replace(BOOT_CARD, count=world)


def _boot(boot: Mapping[str, str]) -> LoggedStart:
    engine_args = plan_of(boot)
    layout = engine_args.layout
    setup = f"TP {layout.tensor_parallel_size} PP {layout.pipeline_parallel_size}, {engine_args.dtype}"
    setup += (
        f", {engine_args.quantization}" * bool(engine_args.quantization)
        + f", KV {engine_args.kv_cache_dtype}"
    )
    setup += f", {engine_args.max_model_len} tokens"
    if boot["failed"] == "True":
        return LoggedStart(
            boot["model"], setup, None, None, "failed", left_out="the server stopped for another reason"
        )
    gpu = gpu_of(engine_args)
    model, release = read_model(MODELS / boot["config"]), release_of(boot["vllm"])
    check = assembled(model, gpu, engine_args, release=release, calibration="none")
    pool = float(boot["kv_avail_gib"])
    if layout.pipeline_parallel_size == 1:
        tokens = _tokens_exact(check, pool, int(boot["kv_tokens"]))
        return LoggedStart(boot["model"], setup, pool, check.fit(), tokens_exact=tokens)
    # the logged pool is the first rank's, the logged tokens those of the smallest
    return LoggedStart(boot["model"], setup, pool, check.fit(), first_rank_gib=_first_rank(check))


def _first_rank(check: Check) -> tuple[float, float, float]:
    """Low, usual and high pool of the first pipeline rank in GiB."""
    flags = (check.model, check.gpu, check.engine_args, check.grounds.release)
    placed = deployment(*flags).at(resolve_engine(*flags).max_model_len)
    low, usual, high = (placed.memory.ranks[0].available(end) / GIB for end in ENDS)
    return low, usual, high


def _tokens_exact(check: Check, pool_gib: float, logged_tokens: int) -> bool:
    """Whether our tokens for a pool that prints as the logged one match the logged tokens, to one block."""
    flags = (check.model, check.gpu, check.engine_args, check.grounds.release)
    engine = resolve_engine(*flags)
    cache = deployment(*flags).cache(engine)
    ends = [round(pool_gib * GIB) + end for end in (-LOG_ROUNDING_BYTES, LOG_ROUNDING_BYTES)]
    least, most = (cache.capacity(engine.max_model_len, end).tokens for end in ends)
    block = check.engine_args.block_size or 16
    return least - block <= logged_tokens <= most + block
