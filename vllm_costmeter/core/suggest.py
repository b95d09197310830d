"""What would make a refused deployment fit: each change is judged by the same `fit`, the smallest first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vllm_costmeter.core.change import Change
from vllm_costmeter.core.engine.estimate import GIB
from vllm_costmeter.core.engine.version import parse_version
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit import Fit, fit
from vllm_costmeter.core.fit_result import Suggestion
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.layout_changes import (
    LARGEST_NODE_GPUS,
    doublings,
    enough_cards,
    narrower_layouts,
    unsplit_layouts,
    wider_layouts,
)
from vllm_costmeter.core.memory import surely_too_heavy
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.plan import Plan
from vllm_costmeter.core.quantisation.online import online_fp8

SHORTEST_USEFUL_TOKENS = 1024
"""A context below this serves no conversation: a length under it is not worth suggesting beside other changes."""

ORDER = (
    "max_model_len",
    "kv_cache_dtype",
    "tensor_parallel_size",
    "decode_context_parallel_size",
    "pipeline_parallel_size",
    "max_num_seqs",
    "max_num_batched_tokens",
    "enforce_eager",
    "gpu_memory_utilization",
    "quantization",
    "gpu",
)
"""The least change first, by the first key of a change."""

_LAYOUT_REASONS = ("tensor_parallel", "gpu_count", "parallel_layout")
NODES = (1, 2, 4)
FEWEST_USEFUL_SEQS = 8
SMALLER_BATCH_TOKENS = 2048  # vLLM's own default on small cards
HIGHEST_UTILIZATION = 0.95  # vLLM's own advice; capture and the driver need the rest
FP8_CAPABILITY = (8, 9)  # vLLM's fp8 weights run natively from Ada on; older cards emulate them weight-only


@dataclass(frozen=True, slots=True)
class Offer:
    """One card that can be had, and its price."""

    gpu: Gpu
    usd_per_gpu_hour: float | None = None


def with_suggestions(result: Fit, model: Model, gpu: Gpu, plan: Plan, offers: Sequence[Offer] = ()) -> Fit:
    """The same answer with changes that make it fit, the largest --max-model-len first.

    Every suggestion was judged `fits` by `fit`. Nothing is suggested where the answer is `fits` or `unknown`.
    """
    if result.verdict in ("fits", "unknown"):
        return result
    others: list[Suggestion] = []
    for change in _changes(result, gpu, plan):
        others += _tried(change, model)
    if result.reason in _LAYOUT_REASONS:
        others += _other_layouts(result, model, gpu, plan)
    else:
        others += _until_one_fits(wider_layouts(gpu, plan, doublings(plan)), model)
    found = _shorter(result, model, gpu, plan) + [each for each in others if _gains(each, result)]
    found += _cheapest_offer(result, model, plan, offers)
    return replace(result, suggestions=tuple(sorted(found, key=_rank)))


def _gains(suggestion: Suggestion, result: Fit) -> bool:
    """Where context is what lacks, a change must give some."""
    return result.reason != "kv_cache" or suggestion.max_model_len_that_fits > (
        result.max_model_len_that_fits or 0
    )


def _rank(suggestion: Suggestion) -> int:
    """Position in the order of the flags below: the sort is stable, so equal kinds stay as found."""
    kind = next(iter(suggestion.change))
    return ORDER.index(kind)


def _shorter(result: Fit, model: Model, gpu: Gpu, plan: Plan) -> list[Suggestion]:
    length = result.max_model_len_that_fits or 0
    if not 0 < length < result.engine.max_model_len:
        return []
    shorter = replace(plan, max_model_len=length)
    return _tried(Change({"max_model_len": length}, f"--max-model-len {length}", gpu, shorter), model)


def _tried(change: Change, model: Model) -> list[Suggestion]:
    """The change as a suggestion where it fits; where only its length is too long, with the length that fits."""
    try:
        if surely_too_heavy(model, change.gpu, change.plan):
            return []
        result = fit(model, change.gpu, change.plan)
    except (BadInputError, NotUnderstoodError):
        return []
    longest = result.max_model_len_that_fits or 0
    if result.verdict == "fits":
        return [Suggestion(change.change, change.arguments, "fits", longest, change.usd_per_hour)]
    if change.plan.max_model_len == longest or longest < SHORTEST_USEFUL_TOKENS:
        return []
    shorter = replace(
        change,
        change={**change.change, "max_model_len": longest},
        arguments=f"{change.arguments} --max-model-len {longest}",
        plan=replace(change.plan, max_model_len=longest),
    )
    return _tried(shorter, model)


def _changes(result: Fit, gpu: Gpu, plan: Plan) -> Iterator[Change]:
    engine = result.engine
    if plan.kv_cache_dtype == "auto" and _has_fp8(gpu):
        yield Change(
            {"kv_cache_dtype": "fp8"}, "--kv-cache-dtype fp8", gpu, replace(plan, kv_cache_dtype="fp8")
        )
    seqs = engine.max_num_seqs // 4
    if seqs >= FEWEST_USEFUL_SEQS:
        fewer = replace(plan, max_num_seqs=seqs)
        yield Change({"max_num_seqs": seqs}, f"--max-num-seqs {seqs}", gpu, fewer)
    batched = SMALLER_BATCH_TOKENS
    if engine.max_num_batched_tokens > batched >= engine.max_num_seqs:
        smaller = replace(plan, max_num_batched_tokens=batched)
        yield Change({"max_num_batched_tokens": batched}, f"--max-num-batched-tokens {batched}", gpu, smaller)
    if not plan.enforce_eager:
        yield Change({"enforce_eager": True}, "--enforce-eager", gpu, replace(plan, enforce_eager=True))
    if result.reason == "free_memory" and result.free_bytes is not None:
        lower = math.floor(100 * result.free_bytes / gpu.memory_bytes) / 100
        if lower > 0:
            less = replace(plan, gpu_memory_utilization=lower)
            yield Change({"gpu_memory_utilization": lower}, f"--gpu-memory-utilization {lower:g}", gpu, less)
    elif engine.gpu_memory_utilization < HIGHEST_UTILIZATION and plan.kv_cache_memory_bytes is None:
        higher = replace(plan, gpu_memory_utilization=HIGHEST_UTILIZATION)
        yield Change(
            {"gpu_memory_utilization": HIGHEST_UTILIZATION},
            f"--gpu-memory-utilization {HIGHEST_UTILIZATION}",
            gpu,
            higher,
        )
    unquantised = engine.quantization is None and result.model.only_named is None
    if unquantised and plan.quantization is None and _has_fp8(gpu):
        name = online_fp8(parse_version(engine.vllm_version))
        yield Change({"quantization": name}, f"--quantization {name}", gpu, replace(plan, quantization=name))


def _until_one_fits(changes: Iterable[Change], model: Model) -> list[Suggestion]:
    """Changes from the least on; one that fits as it stands ends the search."""
    found: list[Suggestion] = []
    for change in changes:
        judged = _tried(change, model)
        found += judged
        if judged and "max_model_len" not in judged[0].change:
            break
    return found


def _other_layouts(result: Fit, model: Model, gpu: Gpu, plan: Plan) -> list[Suggestion]:
    """Layouts beside one that cannot be: on fewer cards, else on more, without what does not divide, or on enough."""
    layout = plan.layout
    size = layout.tensor_parallel_size
    found = _until_one_fits(narrower_layouts(gpu, plan), model)
    as_it_stands = any("max_model_len" not in each.change for each in found)
    if not as_it_stands and result.reason != "gpu_count":
        found += _until_one_fits(wider_layouts(gpu, plan, range(size + 1, LARGEST_NODE_GPUS + 1)), model)
    for change in unsplit_layouts(gpu, plan):
        found += _tried(change, model)
    if result.reason == "gpu_count":
        for change in enough_cards(gpu, plan, result.engine.world_size):
            found += _tried(change, model)
    return found


def _has_fp8(gpu: Gpu) -> bool:
    return gpu.compute_capability is None or gpu.compute_capability >= FP8_CAPABILITY


def _cheapest_offer(result: Fit, model: Model, plan: Plan, offers: Sequence[Offer]) -> list[Suggestion]:
    """The cheapest catalogue cards, with tensor parallelism where one card is too small, on which the plan fits as
    it stands; where it fits on none, the cheapest on which a shorter context does. Several nodes in a pipeline only
    where one holds no context at all."""
    for nodes in NODES:
        shorter: list[Suggestion] = []
        for change in sorted(
            _offered(result, plan, offers, nodes), key=lambda each: each.usd_per_hour or 0.0
        ):
            judged = _tried(change, model)
            if judged and "max_model_len" not in judged[0].change:
                return judged
            shorter = shorter or judged
        if shorter:
            return shorter
    return []


def _offered(result: Fit, plan: Plan, offers: Sequence[Offer], nodes: int) -> Iterator[Change]:
    layout = plan.layout
    others = layout.pipeline_parallel_size * layout.data_parallel_size
    sizes = [1 if result.reason == "tensor_parallel" else layout.tensor_parallel_size]
    while 2 * sizes[-1] * others <= max(LARGEST_NODE_GPUS, result.engine.world_size):
        sizes.append(2 * sizes[-1])
    for offer in offers:
        if offer.usd_per_gpu_hour is None or offer.gpu.name == result.gpu.name:
            continue
        for size in sizes if nodes == 1 else sizes[-1:]:
            changed: dict[str, Any] = {}
            if size != layout.tensor_parallel_size:
                changed["tensor_parallel_size"] = size
            if nodes > 1:
                changed["pipeline_parallel_size"] = layout.pipeline_parallel_size * nodes
            yield _on(
                offer,
                replace(plan, layout=replace(layout, **changed)),
                size * others * nodes,
                changed,
                result,
            )


def _on(offer: Offer, plan: Plan, count: int, changed: Mapping[str, Any], result: Fit) -> Change:
    """A plan on `count` offered cards. Where the memory of the card was given, that of this one must be given too."""
    words = [f'--gpu "{offer.gpu.name}{f":{count}" if count > 1 else ""}"']
    if result.gpu.source == "flag":
        words.append(f"--gpu-memory-gib {offer.gpu.memory_bytes / GIB:.9g}")
    words += [f"--{name.replace('_', '-')} {size}" for name, size in changed.items()]
    return Change(
        {"gpu": offer.gpu.name, "gpu_count": count, **changed},
        " ".join(words),
        replace(offer.gpu, count=count),
        plan,
        round((offer.usd_per_gpu_hour or 0.0) * count, 4),
    )
