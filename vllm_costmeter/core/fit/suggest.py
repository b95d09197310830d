"""Changes that make a refused or tight deployment fit: smallest first, each checked with `fit`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.change import Change, changed_to
from vllm_costmeter.core.fit.offers import RentalOffer, cheapest_offer, larger_slices
from vllm_costmeter.core.fit.parallel_changes import (
    LARGEST_NODE_GPUS,
    doublings,
    enough_gpus,
    narrower_layouts,
    unsplit_layouts,
    whole_experts,
    wider_layouts,
)
from vllm_costmeter.core.fit.result import Fit, Suggestion
from vllm_costmeter.core.fit.sizing import with_most_seqs
from vllm_costmeter.core.fit.trial import Trials
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.online import online_fp8

ORDER = (
    "max_model_len",
    "kv_cache_dtype",
    "enable_expert_parallel",
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
"""Smallest change first, by the first key of a change."""

_LAYOUT_REASONS = ("tensor_parallel", "gpu_count", "parallel_layout")
FEWEST_USEFUL_SEQS = 8
SMALLER_BATCH_TOKENS = 2048  # vLLM's default on small GPUs
HIGHEST_UTILIZATION = 0.95  # vLLM's advice; CUDA graph capture and the driver need the rest
FP8_CAPABILITY = (8, 9)  # Ada and later run vLLM's fp8 weights natively; older GPUs use them weight-only


def with_suggestions(
    result: Fit,
    model: Model,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    *,
    starts: tuple[ServerStart, ...] = (),
    offers: Sequence[RentalOffer] = (),
    slices: Sequence[RentalOffer] = (),
) -> Fit:
    """`result` with changes that make it fit, in the order of `ORDER`. `slices`: those of the same GPU, for a slice.

    Every suggestion has the verdict `fits` under the same release. There are none for `fits` and `unknown`.
    """
    if result.verdict in ("fits", "unknown"):
        return result
    trials = Trials(model, result.engine.release, starts)
    if result.changes is not None:
        return replace(result, suggestions=_lifting(result, trials, gpu, engine_args, offers))
    shorter = _shorter(result, trials, gpu, engine_args)
    if result.reason == "max_model_len" and result.max_model_len_that_fits == model.max_model_len and shorter:
        return replace(result, suggestions=tuple(shorter))  # the model's own limit is all that is wrong
    others: list[Suggestion] = []
    for change in _changes(result, gpu, engine_args):
        others += trials.tried(change)
    if result.reason in _LAYOUT_REASONS:
        others += _other_layouts(result, trials, gpu, engine_args)
    else:
        others += trials.until_one_fits(wider_layouts(gpu, engine_args, doublings(engine_args)))
    others += trials.until_one_fits(larger_slices(result, engine_args, slices))
    found = shorter + [each for each in others if _gains(each, result)]
    most_seqs = _fewer_seqs(result, trials, gpu, engine_args)
    found += cheapest_offer(result, trials, engine_args, offers)
    roomier: list[Suggestion] = []
    if result.reason == "above_budget":
        from vllm_costmeter.core.fit.room import leaving_room

        roomier = leaving_room(result, trials)
    if most_seqs:
        found = [each for each in found if set(each.change) != {"max_num_seqs"}]
    return replace(result, suggestions=(*most_seqs, *roomier, *sorted(found, key=_rank)))


def _lifting(
    result: Fit, trials: Trials, gpu: GpuGroup, engine_args: EngineArgs, offers: Sequence[RentalOffer]
) -> tuple[Suggestion, ...]:
    """Changes that lift a refusal of the configuration: those its rule names, and another GPU if this one cannot."""
    found: list[Suggestion] = []
    for values in result.changes or ():
        found += trials.tried(changed_to(values, gpu, engine_args))
    if result.reason == "compute_capability":
        found += cheapest_offer(result, trials, engine_args, offers)
    return tuple(sorted(found, key=_rank))


def _fewer_seqs(result: Fit, trials: Trials, gpu: GpuGroup, engine_args: EngineArgs) -> list[Suggestion]:
    """The largest --max-num-seqs that fits, if fewer requests are what helps."""
    is_first_start = result.reason == "first_start" and result.max_model_len_that_fits == 0  # no length helps
    if result.reason not in ("max_num_seqs", "above_budget") and not is_first_start:
        return []
    seqs = with_most_seqs(result, trials.starts).max_num_seqs_that_fits
    if result.reason == "above_budget" and (seqs or 0) < FEWEST_USEFUL_SEQS:
        return []
    fewer = replace(engine_args, max_num_seqs=seqs)
    return trials.tried(Change({"max_num_seqs": seqs}, f"--max-num-seqs {seqs}", gpu, fewer)) if seqs else []


def _gains(suggestion: Suggestion, result: Fit) -> bool:
    """Whether the change allows a longer context, where the context is the problem; else True."""
    return result.reason != "kv_cache" or suggestion.max_model_len_that_fits > (
        result.max_model_len_that_fits or 0
    )


def _rank(suggestion: Suggestion) -> int:
    """Position in `ORDER`; flags that change no memory come first. The sort is stable, so changes of one kind keep
    their order."""
    kind = next(iter(suggestion.change))
    return ORDER.index(kind) if kind in ORDER else -1


def _shorter(result: Fit, trials: Trials, gpu: GpuGroup, engine_args: EngineArgs) -> list[Suggestion]:
    length = result.max_model_len_that_fits or 0
    if not 0 < length < result.engine.max_model_len:
        return []
    shorter = replace(engine_args, max_model_len=length)
    return trials.tried(Change({"max_model_len": length}, f"--max-model-len {length}", gpu, shorter))


def _changes(result: Fit, gpu: GpuGroup, engine_args: EngineArgs) -> Iterator[Change]:
    engine = result.engine
    if engine_args.kv_cache_dtype == "auto" and _has_fp8(gpu):
        yield Change(
            {"kv_cache_dtype": "fp8"}, "--kv-cache-dtype fp8", gpu, replace(engine_args, kv_cache_dtype="fp8")
        )
    seqs = engine.max_num_seqs // 4
    if seqs >= FEWEST_USEFUL_SEQS:
        fewer = replace(engine_args, max_num_seqs=seqs)
        yield Change({"max_num_seqs": seqs}, f"--max-num-seqs {seqs}", gpu, fewer)
    batched = SMALLER_BATCH_TOKENS
    if engine.max_num_batched_tokens > batched >= engine.max_num_seqs:
        smaller = replace(engine_args, max_num_batched_tokens=batched)
        yield Change({"max_num_batched_tokens": batched}, f"--max-num-batched-tokens {batched}", gpu, smaller)
    if not engine_args.enforce_eager:
        yield Change(
            {"enforce_eager": True}, "--enforce-eager", gpu, replace(engine_args, enforce_eager=True)
        )
    if result.reason == "free_memory" and result.free_bytes is not None:
        lower = math.floor(100 * result.free_bytes / gpu.memory_bytes) / 100
        if lower > 0:
            less = replace(engine_args, gpu_memory_utilization=lower)
            yield Change({"gpu_memory_utilization": lower}, f"--gpu-memory-utilization {lower:g}", gpu, less)
    elif engine.gpu_memory_utilization < HIGHEST_UTILIZATION and engine_args.kv_cache_memory_bytes is None:
        higher = replace(engine_args, gpu_memory_utilization=HIGHEST_UTILIZATION)
        yield Change(
            {"gpu_memory_utilization": HIGHEST_UTILIZATION},
            f"--gpu-memory-utilization {HIGHEST_UTILIZATION}",
            gpu,
            higher,
        )
    unquantized = engine.quantization is None and result.model.only_named is None
    if unquantized and engine_args.quantization is None and _has_fp8(gpu):
        name = online_fp8(engine.release)
        yield Change(
            {"quantization": name}, f"--quantization {name}", gpu, replace(engine_args, quantization=name)
        )


def _other_layouts(result: Fit, trials: Trials, gpu: GpuGroup, engine_args: EngineArgs) -> list[Suggestion]:
    """Other layouts for an impossible one: smaller, larger, unsplit, or with more GPUs."""
    layout = engine_args.layout
    size = layout.tensor_parallel_size
    found = trials.until_one_fits(narrower_layouts(gpu, engine_args))
    as_it_stands = any("max_model_len" not in each.change for each in found)
    if not as_it_stands and result.reason != "gpu_count":
        found += trials.until_one_fits(
            wider_layouts(gpu, engine_args, range(size + 1, LARGEST_NODE_GPUS + 1))
        )
    if result.model.is_moe and result.reason == "parallel_layout":
        for change in whole_experts(gpu, engine_args):
            found += trials.tried(change)
    for change in unsplit_layouts(gpu, engine_args):
        found += trials.tried(change)
    if result.reason == "gpu_count":
        for change in enough_gpus(gpu, engine_args, result.engine.world_size):
            found += trials.tried(change)
    return found


def _has_fp8(gpu: GpuGroup) -> bool:
    return gpu.compute_capability is None or gpu.compute_capability >= FP8_CAPABILITY
