"""What would make a refused deployment fit: each change is judged by the same `fit`, the smallest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit import Fit, fit
from vllm_costmeter.core.fit_result import Suggestion
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.plan import Plan

SHORTEST_USEFUL_TOKENS = 1024
"""A context below this serves no conversation: a length under it is not worth suggesting beside other changes."""

LARGEST_NODE_GPUS = 8
HIGHEST_UTILIZATION = 0.95  # vLLM's own advice; capture and the driver need the rest
FP8_CAPABILITY = (8, 9)  # vLLM's fp8 weights run natively from Ada on; older cards emulate them weight-only


@dataclass(frozen=True, slots=True)
class Offer:
    """One card that can be had, and its price."""

    gpu: Gpu
    usd_per_gpu_hour: float | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """A plan to try: what it changes in words of the flags."""

    change: Mapping[str, Any]
    arguments: str
    gpu: Gpu
    plan: Plan
    usd_per_hour: float | None = None


def with_suggestions(result: Fit, model: Model, gpu: Gpu, plan: Plan, offers: Sequence[Offer] = ()) -> Fit:
    """The same answer with changes that make it fit, the largest --max-model-len first.

    Every suggestion was judged `fits` by `fit`. Nothing is suggested where the answer is `fits` or `unknown`.
    """
    if result.verdict in ("fits", "unknown"):
        return result
    found = [*_shorter(result, model, gpu, plan)]
    for change in _changes(result, model, gpu, plan):
        found += _tried(change, model)
    cheapest = _cheapest_offer(result, model, plan, offers)
    return replace(result, suggestions=(*found, *cheapest))


def _shorter(result: Fit, model: Model, gpu: Gpu, plan: Plan) -> list[Suggestion]:
    length = result.max_model_len_that_fits or 0
    if not 0 < length < result.engine.max_model_len:
        return []
    shorter = replace(plan, max_model_len=length)
    return _tried(_Change({"max_model_len": length}, f"--max-model-len {length}", gpu, shorter), model)


def _tried(change: _Change, model: Model) -> list[Suggestion]:
    """The change as a suggestion where it fits; where only its length is too long, with the length that fits."""
    try:
        result = fit(model, change.gpu, change.plan)
    except BadInputError:
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


def _changes(result: Fit, model: Model, gpu: Gpu, plan: Plan) -> Iterator[_Change]:
    engine = result.engine
    if plan.kv_cache_dtype == "auto" and _has_fp8(gpu):
        yield _Change(
            {"kv_cache_dtype": "fp8"}, "--kv-cache-dtype fp8", gpu, replace(plan, kv_cache_dtype="fp8")
        )
    yield from _more_gpus(gpu, plan)
    seqs = engine.max_num_seqs // 4
    if seqs >= 8:
        fewer = replace(plan, max_num_seqs=seqs, max_num_batched_tokens=engine.max_num_batched_tokens)
        yield _Change(
            {"max_num_seqs": seqs},
            f"--max-num-seqs {seqs}",
            gpu,
            replace(fewer, max_num_batched_tokens=plan.max_num_batched_tokens),
        )
    batched = 2048
    if engine.max_num_batched_tokens > batched:
        smaller = replace(plan, max_num_batched_tokens=batched)
        yield _Change(
            {"max_num_batched_tokens": batched}, f"--max-num-batched-tokens {batched}", gpu, smaller
        )
    if not plan.enforce_eager:
        yield _Change({"enforce_eager": True}, "--enforce-eager", gpu, replace(plan, enforce_eager=True))
    if engine.gpu_memory_utilization < HIGHEST_UTILIZATION and plan.kv_cache_memory_bytes is None:
        higher = replace(plan, gpu_memory_utilization=HIGHEST_UTILIZATION)
        yield _Change(
            {"gpu_memory_utilization": HIGHEST_UTILIZATION},
            f"--gpu-memory-utilization {HIGHEST_UTILIZATION}",
            gpu,
            higher,
        )
    if engine.quantization is None and plan.quantization is None and _has_fp8(gpu):
        yield _Change({"quantization": "fp8"}, "--quantization fp8", gpu, replace(plan, quantization="fp8"))


def _more_gpus(gpu: Gpu, plan: Plan) -> Iterator[_Change]:
    """The next tensor-parallel sizes up to a node; the first that fits is enough."""
    layout = plan.layout
    others = layout.pipeline_parallel_size * layout.data_parallel_size
    size = layout.tensor_parallel_size * 2
    while size * others <= LARGEST_NODE_GPUS:
        wider = replace(plan, layout=replace(layout, tensor_parallel_size=size))
        cards = replace(gpu, count=max(gpu.count, size * others))
        yield _Change({"tensor_parallel_size": size}, f"--tensor-parallel-size {size}", cards, wider)
        size *= 2


def _has_fp8(gpu: Gpu) -> bool:
    return gpu.compute_capability is None or gpu.compute_capability >= FP8_CAPABILITY


def _cheapest_offer(result: Fit, model: Model, plan: Plan, offers: Sequence[Offer]) -> list[Suggestion]:
    """The cheapest catalogue card on which the same plan fits as it stands."""
    size = result.engine.world_size
    priced = [
        (offer.usd_per_gpu_hour, offer)
        for offer in offers
        if offer.usd_per_gpu_hour is not None and offer.gpu.name != result.gpu.name
    ]
    for price, offer in sorted(priced, key=lambda pair: (pair[0], pair[1].gpu.name)):
        gpu = replace(offer.gpu, count=size)
        change = _Change({"gpu": gpu.name}, f'--gpu "{_spelt(gpu)}"', gpu, plan, round(price * size, 4))
        judged = fit(model, gpu, plan)
        if judged.verdict == "fits":
            return _tried(change, model)
    return []


def _spelt(gpu: Gpu) -> str:
    return gpu.name if gpu.count == 1 else f"{gpu.name}:{gpu.count}"
