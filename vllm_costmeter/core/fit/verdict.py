"""Whether vLLM starts: refused if it fails at the best end of the range, tight if only at the worst."""

from __future__ import annotations

from vllm_costmeter.core.fit.messages import (
    above_budget_message,
    first_start_message,
    free_message,
    gpus_text,
    graph_blocks_message,
    kv_message,
    reserved_message,
    unenforced_message,
    weights_message,
    wide_message,
)
from vllm_costmeter.core.fit.result import Fit, Reason, Verdict
from vllm_costmeter.core.fit.sizing import Sizing

WIDEST_SHARE = 0.25
"""Share of the budget; weights known only from a quantization's name are uncertain by 50 to 75 %."""


def verdict_of(blank: Fit, placed: Sizing) -> tuple[Verdict, Reason | None, str]:
    """(verdict, reason, message); the reason is None for `fits`."""
    engine, model = blank.engine, blank.model
    memory, cache = placed.memory, placed.cache
    length = engine.max_model_len
    if length > model.max_model_len:
        return (
            "refused",
            "max_model_len",
            f"--max-model-len {length} exceeds the model's maximum of {model.max_model_len} tokens",
        )
    if memory.budget_bytes > memory.free.high_bytes:
        return "refused", "free_memory", free_message(memory, blank.gpu)
    if memory.weights_alone_exceed:
        return "refused", "weights", weights_message(blank, memory)
    if memory.exceeds_gpu("low"):
        return "refused", "kv_cache_memory_bytes", reserved_message(memory, blank.engine_args)
    if not placed.holds_one_sequence("high"):
        return "refused", "kv_cache", kv_message(blank, memory, cache, "refused")
    if (
        placed.graph_blocks is not None
        and not placed.captures_graphs("high")
        and placed.graph_blocks.is_certain
    ):
        return "refused", "max_num_seqs", graph_blocks_message(blank, placed)
    is_usually_too_small = memory.exceeds_gpu("usual") or not placed.holds_one_sequence("usual")
    if is_usually_too_small and _says_nothing(placed):
        return "unknown", "not_understood", wide_message(blank, placed)
    if memory.exceeds_gpu("high"):
        return "tight", "kv_cache_memory_bytes", reserved_message(memory, blank.engine_args)
    if memory.budget_bytes > memory.free.low_bytes:
        return "tight", "free_memory", free_message(memory, blank.gpu)
    if not placed.holds_one_sequence("low"):
        return "tight", "kv_cache", kv_message(blank, memory, cache, "tight")
    if not placed.captures_graphs("low"):
        return "tight", "max_num_seqs", graph_blocks_message(blank, placed)
    first = placed.on_first_start
    if not first.holds_one_sequence("low") or not first.captures_graphs("low"):
        return "tight", "first_start", first_start_message(blank, first)
    if cache.num_groups == 0 and memory.fullest_rank().available("usual") < 0:
        return "tight", "above_budget", unenforced_message(blank, memory)
    if placed.above_budget.usually_exceeds:
        return "tight", "above_budget", above_budget_message(blank, placed.above_budget)
    return "fits", None, f"fits: {length:,} tokens of context on {gpus_text(blank)}"


def _says_nothing(placed: Sizing) -> bool:
    """Whether the weights are too uncertain, relative to the budget, for any verdict."""
    rank = placed.memory.fullest_rank()
    return rank.weights.high_bytes - rank.weights.low_bytes > WIDEST_SHARE * rank.budget_bytes
