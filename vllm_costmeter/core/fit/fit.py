"""Whether a model fits a GPU with given flags: pure arithmetic, shared by command, server and Python."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import AUTO_MAX_MODEL_LEN, EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig, resolve_engine
from vllm_costmeter.core.errors import BadInputError, GpuCannotError, NotUnderstoodError
from vllm_costmeter.core.fit.messages import ENCODES_ALONE, gpu_notes, too_heavy, weights_message
from vllm_costmeter.core.fit.result import (
    FirstStart,
    Fit,
    KVCacheFacts,
    MemoryUse,
    Reason,
)
from vllm_costmeter.core.fit.sizing import Sizing, deployment
from vllm_costmeter.core.fit.verdict import verdict_of
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.ranks import ENDS, Memory
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.refusals.registry import refusal
from vllm_costmeter.core.refusals.start import Start
from vllm_costmeter.core.release import Release, dotted

if TYPE_CHECKING:
    from vllm_costmeter.core.calibration.apply import Measured
    from vllm_costmeter.core.calibration.server_start import ServerStart


def fit(
    model: Model,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    release: Release,
    starts: tuple[ServerStart, ...] = (),
) -> Fit:
    """Every byte per GPU, and the verdict.

    `starts` are recorded starts of real servers, oldest first; those of other deployments are ignored.
    Suggestions are empty: `core.fit.suggest` adds them by calling this function. A model without known memory
    rules gets the verdict `unknown`, not an error. BadInputError for contradictory flags.
    """
    if engine_args.quantization is not None and model.only_named is None:
        from vllm_costmeter.core.quantization.flag import Asked, check_flag

        asked = Asked(engine_args.quantization, release, gpu.compute_capability, model.is_moe)
        check_flag(asked, model.quantization)
    model = model.on_gpu(KernelTarget(gpu.compute_capability, release))
    engine = resolve_engine(model, gpu, engine_args, release)
    blank = Fit(
        "unknown",
        "not_understood",
        "",
        model,
        gpu,
        engine_args,
        engine,
        notes=(*((release.note,) if release.note else ()), *model.notes, *gpu_notes(gpu)),
    )
    if engine_args.encodes_alone:
        return replace(blank, message=ENCODES_ALONE)
    stopped = refusal(Start(model, gpu, engine_args, engine))
    if stopped is None:
        return _in_memory(blank, release, starts)
    said = partial(replace, reason=stopped.reason, message=stopped.message, changes=stopped.changes)
    if stopped.is_certain and not release.is_development:
        return said(blank, verdict="refused")
    found = _in_memory(blank, release, starts)
    return said(found, verdict="tight") if found.verdict == "fits" else found


def _in_memory(blank: Fit, release: Release, starts: tuple[ServerStart, ...]) -> Fit:
    """The verdict on a start whose flags vLLM accepts."""
    model, gpu, engine_args, engine = blank.model, blank.gpu, blank.engine_args, blank.engine
    unknown = _release_fault(model, engine_args, release)
    if unknown is not None:
        return replace(blank, message=unknown)
    unknown = model.fault(engine_args)
    if unknown is not None:
        return _not_understood(blank, unknown)
    unknown = model.draft_fault(engine_args)
    if unknown is not None and not model.is_counted(engine_args):
        return replace(blank, message=unknown)
    fault = _layout_fault(model, gpu, engine)
    if fault is not None:
        reason, message = fault
        return replace(blank, verdict="refused", reason=reason, message=message)
    try:
        deployed = deployment(model, gpu, engine_args, release, starts)
    except NotUnderstoodError as error:
        return replace(blank, message=str(error))
    except BadInputError as error:
        if engine.world_size == 1:
            raise
        return replace(blank, verdict="refused", reason="parallel_layout", message=str(error))
    try:
        longest = deployed.longest_that_fits()
        if engine_args.max_model_len != AUTO_MAX_MODEL_LEN:
            return _judged(blank, deployed.at(engine.max_model_len), longest)
        judged = _judged(blank, deployed.cut_to(longest or 1), longest)
        return judged if longest else replace(judged, engine=replace(judged.engine, max_model_len=0))
    except GpuCannotError as error:
        return replace(blank, verdict="refused", reason="compute_capability", message=str(error))
    except NotUnderstoodError as error:
        return _unknown_cache(blank, deployed.memory(engine), str(error))


def _not_understood(blank: Fit, message: str) -> Fit:
    """Refused if the weights alone exceed the budget, else unknown. Weights are known for one GPU only."""
    from vllm_costmeter.core.fit.asking import how_to_ask_vllm

    blank = replace(blank, notes=(*blank.notes, *how_to_ask_vllm(blank)))
    try:
        weights = blank.model.weights_bytes(blank.engine_args)[0]
    except NotUnderstoodError:
        return replace(blank, message=message)
    budget = math.ceil(blank.gpu.memory_bytes * blank.engine.gpu_memory_utilization)
    known = replace(
        blank,
        message=message,
        known_weights_bytes=weights,
        known_budget_bytes=budget,
        provenance={"weights": blank.model.weights_source},
    )
    if weights < budget:
        return known
    return replace(known, verdict="refused", reason="weights", message=too_heavy(blank, weights, budget))


def _release_fault(model: Model, engine_args: EngineArgs, release: Release) -> str | None:
    """Why nothing is known about this release: the architecture is newer, and vLLM may serve it through Transformers.
    None for a model that the installed vLLM built."""
    first = model.first_release
    if first is None or release.number >= first or model.is_counted(engine_args):
        return None
    return (
        f"vLLM {release} does not know {model.architecture}; the first release that does is {dotted(first)}"
    )


def _layout_fault(model: Model, gpu: GpuGroup, engine: EngineConfig) -> tuple[Reason, str] | None:
    world_size = engine.world_size
    if world_size > gpu.count:
        available = "1 is available" if gpu.count == 1 else f"{gpu.count} are available"
        return "gpu_count", f"{engine.layout.needs()}; {available}"
    if engine.layout.pipeline_parallel_size > 1 and not model.is_pipelined:
        return "parallel_layout", (
            f"vLLM cannot split {model.architecture} into pipeline stages: leave --pipeline-parallel-size at 1"
        )
    if engine.layout.tensor_parallel_size == engine.layout.decode_context_parallel_size == 1:
        return None
    from vllm_costmeter.core.kv_cache.parallel import context_parallel_fault, tensor_parallel_fault

    fault = tensor_parallel_fault(model.attention, engine.layout.tensor_parallel_size)
    if fault is not None:
        return "tensor_parallel", fault
    fault = context_parallel_fault(model.attention, engine.layout)
    return None if fault is None else ("parallel_layout", fault)


def _unknown_cache(blank: Fit, memory: Memory, message: str) -> Fit:
    """The result without a known KV cache: refused if the weights alone exceed the budget, else unknown."""
    rank = memory.fullest_rank()
    if memory.weights_alone_exceed:
        return replace(blank, verdict="refused", reason="weights", message=weights_message(blank, memory))
    return replace(blank, message=message, rules=rank.rules())


def _judged(unjudged: Fit, placed: Sizing, longest: int) -> Fit:
    blank = replace(unjudged, engine=placed.engine)
    memory, cache = placed.memory, placed.cache
    length = placed.engine.max_model_len
    needed = cache.bytes_needed(length)
    rank = memory.binding_rank(needed)
    available = rank.available("usual")
    activations, graphs, non_torch = rank.beside_kv_cache()
    measured, named = rank.measured, blank.model.only_named
    verdict, reason, message = verdict_of(blank, placed)
    starts_at_all = (
        memory.surely_starts
        and placed.on_first_start.captures_graphs("low")
        and not placed.above_budget.usually_exceeds
    )
    return replace(
        blank,
        verdict=verdict,
        reason=reason,
        message=message,
        per_gpu=MemoryUse(
            budget_bytes=rank.spent_bytes,
            weights_bytes=rank.weights.bytes + rank.lora.bytes,
            activations_bytes=activations,
            cuda_graphs_bytes=graphs,
            non_torch_bytes=non_torch,
            kv_cache_available_bytes=available,
            kv_cache_needed_bytes=needed[rank.index],
        ),
        kv_cache_available_range_bytes=(rank.available("low"), rank.available("high")),
        free_bytes=memory.free.low_bytes,
        kv_cache=_kv_cache_facts(placed, rank.index),
        first_start=_first_start(placed, rank.index),
        above_budget=placed.above_budget,
        max_model_len_that_fits=longest if starts_at_all else 0,
        provenance={
            "weights": blank.model.weights_source,
            "kv_cache": placed.cache_source,
            "activations": "engine rules" if measured is None else "calibration",
            **({"quantization": named.provenance} if named is not None else {}),
        },
        rules=rank.rules(),
        notes=_notes(blank, measured),
    )


def _kv_cache_facts(placed: Sizing, rank_index: int) -> KVCacheFacts:
    low, usual, high = (
        placed.cache.capacity(placed.engine.max_model_len, placed.memory.pools(end)) for end in ENDS
    )
    return KVCacheFacts(
        tokens=usual.tokens,
        max_concurrency=usual.max_concurrency,
        bytes_per_token=placed.cache.bytes_per_token()[rank_index],
        tokens_range=(low.tokens, high.tokens),
    )


def _first_start(placed: Sizing, rank_index: int) -> FirstStart | None:
    first, later = placed.on_first_start, placed.memory.ranks[rank_index]
    rank = first.memory.ranks[rank_index]
    pools = [rank.available(end) for end in ENDS]
    if pools == [later.available(end) for end in ENDS]:
        return None
    low, usual, high = pools
    return FirstStart(usual, (low, high), _kv_cache_facts(first, rank_index))


def _notes(blank: Fit, measured: Measured | None) -> tuple[str, ...]:
    if measured is None:
        return blank.notes
    from vllm_costmeter.core.calibration.apply import note_of

    return (*blank.notes, note_of(measured))
