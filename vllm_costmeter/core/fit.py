"""Whether a model with a plan fits a GPU: pure arithmetic, the same for the command, the server and Python."""

from __future__ import annotations

import math
from dataclasses import replace

from vllm_costmeter.core.calibration import note_of
from vllm_costmeter.core.engine.engine import AUTO_MAX_MODEL_LEN, Engine, resolve_engine
from vllm_costmeter.core.engine.estimate import GIB
from vllm_costmeter.core.engine.rules import choose_rules
from vllm_costmeter.core.engine.version import parse_version
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit_result import Fit, KVCacheFacts, MemoryUse, Reason, Suggestion, Verdict
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.kv_cache import KVCache
from vllm_costmeter.core.kv_cache.parallel import context_parallel_fault, tensor_parallel_fault
from vllm_costmeter.core.memory import ENDS, Memory
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.placement import Placement, deployment
from vllm_costmeter.core.plan import Plan
from vllm_costmeter.core.quantisation.online import check_online

WEIGHTLESS_DRAFTERS = frozenset({"ngram", "ngram_gpu", "suffix"})
"""Speculative methods that guess from the text itself (vllm/config/speculative.py, 0.32.0)."""

__all__ = ["Fit", "KVCacheFacts", "MemoryUse", "Suggestion", "fit"]


def fit(model: Model, gpu: Gpu, plan: Plan) -> Fit:
    """Name every byte per GPU and judge.

    Suggestions are left empty: `core.suggest` adds them with this same function. Never raises for a model that is
    not understood (verdict `unknown`); BadInputError for flags that contradict each other.
    """
    chosen = choose_rules(plan.vllm_version)
    if plan.quantization is not None and model.quantization is None:
        check_online(plan.quantization, parse_version(chosen.vllm_version))
    engine = resolve_engine(model, gpu, plan, chosen)
    blank = Fit(
        "unknown",
        "not_understood",
        "",
        model,
        gpu,
        plan,
        engine,
        notes=(*((chosen.note,) if chosen.note else ()), *model.notes),
    )
    unknown = model.fault(plan)
    if unknown is not None:
        return _not_understood(blank, unknown)
    unknown = _draft_fault(model, plan)
    if unknown is not None:
        return replace(blank, message=unknown)
    fault = _layout_fault(model, gpu, engine)
    if fault is not None:
        reason, message = fault
        return replace(blank, verdict="refused", reason=reason, message=message)
    try:
        deployed = deployment(model, gpu, plan, chosen)
    except NotUnderstoodError as error:
        return replace(blank, message=str(error))
    except BadInputError as error:
        if engine.world_size == 1:
            raise
        return replace(blank, verdict="refused", reason="parallel_layout", message=str(error))
    try:
        longest = deployed.longest_that_fits()
        length = (longest or 1) if plan.max_model_len == AUTO_MAX_MODEL_LEN else engine.max_model_len
        return _judged(blank, deployed.at(length), longest)
    except NotUnderstoodError as error:
        return _unknown_cache(blank, deployed.memory(engine), str(error))


def _not_understood(blank: Fit, message: str) -> Fit:
    """The weights are known where a checkpoint is at hand and one GPU holds it whole, the rest is not: refused where
    they alone exceed the budget, else unknown."""
    try:
        weights = blank.model.weights_bytes(blank.plan)[0]
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
    return replace(
        known, verdict="refused", reason="weights", message=_too_heavy(weights, budget, _cards(blank))
    )


def _draft_fault(model: Model, plan: Plan) -> str | None:
    """Speculation that loads something whose weights and cache are not in this answer."""
    method = (plan.speculative_config or {}).get("method")
    if plan.speculative_config is None or method in WEIGHTLESS_DRAFTERS:
        return None
    if model.drafter is not None and model.drafter.speculative_config == plan.speculative_config:
        return None
    named = method or "draft_model"
    return f"--speculative-config loads a draft ({named}) whose memory is not understood for this model"


def _layout_fault(model: Model, gpu: Gpu, engine: Engine) -> tuple[Reason, str] | None:
    world_size = engine.world_size
    if world_size > gpu.count:
        layout = engine.layout
        return "gpu_count", (
            f"tensor x pipeline x data parallel = {layout.tensor_parallel_size} x {layout.pipeline_parallel_size} x "
            f"{layout.data_parallel_size} needs {world_size} GPUs, there are {gpu.count}"
        )
    fault = tensor_parallel_fault(model.attention, engine.layout.tensor_parallel_size)
    if fault is not None:
        return "tensor_parallel", fault
    fault = context_parallel_fault(model.attention, engine.layout)
    return None if fault is None else ("parallel_layout", fault)


def _unknown_cache(blank: Fit, memory: Memory, message: str) -> Fit:
    """Weights are known, the KV cache is not: refused where the weights alone exceed the budget, else unknown."""
    rank = memory.fullest_rank()
    if memory.weights_alone_exceed:
        return replace(blank, verdict="refused", reason="weights", message=_weights_message(blank, memory))
    return replace(blank, message=message, rules=rank.rules())


def _judged(unjudged: Fit, placed: Placement, longest: int) -> Fit:
    blank = replace(unjudged, engine=placed.engine)
    memory, cache = placed.memory, placed.cache
    length = placed.engine.max_model_len
    needed = cache.bytes_needed(length)
    rank = memory.binding_rank(needed)
    available = rank.available("usual")
    activations, graphs, non_torch = rank.beside_kv_cache()
    measured, named = rank.measured, blank.model.only_named
    capacity = cache.capacity(length, memory.pools("usual"))
    verdict, reason, message = _verdict(blank, memory, cache)
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
        kv_cache=KVCacheFacts(
            tokens=capacity.tokens,
            max_concurrency=capacity.max_concurrency,
            bytes_per_token=max(available, 0) // capacity.tokens if capacity.tokens else 0,
        ),
        max_model_len_that_fits=longest if memory.surely_starts else 0,
        provenance={
            "weights": blank.model.weights_source,
            "kv_cache": placed.cache_source,
            "activations": "engine rules" if measured is None else "calibration",
            **({"quantization": named.provenance} if named is not None else {}),
        },
        rules=rank.rules(),
        notes=blank.notes if measured is None else (*blank.notes, note_of(measured)),
    )


def _verdict(blank: Fit, memory: Memory, cache: KVCache) -> tuple[Verdict, Reason | None, str]:
    engine, model = blank.engine, blank.model
    length = engine.max_model_len
    if length > model.max_model_len:
        return (
            "refused",
            "max_model_len",
            f"--max-model-len {length} is longer than the model's own maximum of {model.max_model_len} tokens",
        )
    if memory.budget_bytes > memory.free.high_bytes:
        return "refused", "free_memory", _free_message(memory)
    if memory.weights_alone_exceed:
        return "refused", "weights", _weights_message(blank, memory)
    if memory.exceeds_card("low"):
        return "refused", "kv_cache_memory_bytes", _reserved_message(memory)
    if not cache.fits(length, memory.pools("high")):
        return "refused", "kv_cache", _kv_message(blank, memory, cache, "refused")
    if memory.exceeds_card("high"):
        return "tight", "kv_cache_memory_bytes", _reserved_message(memory)
    if memory.budget_bytes > memory.free.low_bytes:
        return "tight", "free_memory", _free_message(memory)
    if not cache.fits(length, memory.pools("low")):
        return "tight", "kv_cache", _kv_message(blank, memory, cache, "tight")
    return "fits", None, f"fits: {length} tokens of context have room on {_cards(blank)}"


def _cards(blank: Fit) -> str:
    count = blank.engine.world_size
    return blank.gpu.name if count == 1 else f"{count} x {blank.gpu.name}"


def _weights_message(blank: Fit, memory: Memory) -> str:
    return _too_heavy(memory.fullest_rank().weights.bytes, memory.weights_limit_bytes, _cards(blank))


def _too_heavy(weights: int, budget: int, cards: str) -> str:
    return f"the weights alone need {weights / GIB:.2f} GiB per GPU, vLLM may use {budget / GIB:.2f} GiB of {cards}"


def _free_message(memory: Memory) -> str:
    wanted, free = memory.budget_bytes / GIB, memory.free.bytes / GIB
    return f"vLLM asks for {wanted:.2f} GiB at start, {free:.2f} GiB are free on the card"


def _reserved_message(memory: Memory) -> str:
    return f"--kv-cache-memory-bytes leaves too little of the card's {memory.total_bytes / GIB:.2f} GiB for the rest"


def _kv_message(blank: Fit, memory: Memory, cache: KVCache, verdict: Verdict) -> str:
    needed = cache.bytes_needed(blank.engine.max_model_len)
    rank = memory.binding_rank(needed)
    low, usual, high = (max(rank.available(end), 0) / GIB for end in ENDS)
    need = f"one sequence of {blank.engine.max_model_len} tokens needs {needed[rank.index] / GIB:.2f} GiB of KV cache"
    if verdict == "tight":
        return f"{need}, between {low:.2f} and {high:.2f} GiB will be left for it on {_cards(blank)}"
    return f"{need}, {usual:.2f} GiB are left for it on {_cards(blank)}"
