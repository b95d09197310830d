"""What a fit check says of its reasons: amounts in GiB, what was asked and what there is."""

from __future__ import annotations

from vllm_costmeter.core.fit.result import Fit, Verdict
from vllm_costmeter.core.fit.sizing import Sizing
from vllm_costmeter.core.gpu.group import GpuGroup, GpuProcess
from vllm_costmeter.core.kv_cache import KVCache
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.memory.ranks import ENDS, Memory

MOST_NAMED = 5
"""Processes in one line of a refusal."""


def cards_text(blank: Fit) -> str:
    count = blank.engine.world_size
    return blank.gpu.name if count == 1 else f"{count} x {blank.gpu.name}"


def memory_notes(gpu: GpuGroup) -> tuple[str, ...]:
    """What a reader must know of a card whose memory nobody logged."""
    if gpu.memory_bytes_range is None:
        return ()
    low, high = (size / GIB for size in gpu.memory_bytes_range)
    return (
        f"the memory of {gpu.name} is estimated: {low:.2f} to {high:.2f} GiB as CUDA shows it; "
        "--gpu-memory-gib replaces it",
    )


def weights_message(blank: Fit, memory: Memory) -> str:
    return too_heavy(memory.fullest_rank().weights.bytes, memory.weights_limit_bytes, cards_text(blank))


def too_heavy(weights: int, budget: int, cards: str) -> str:
    return f"the weights alone need {weights / GIB:.2f} GiB per GPU, vLLM may use {budget / GIB:.2f} GiB of {cards}"


def free_message(memory: Memory, gpu: GpuGroup) -> str:
    wanted, free = memory.budget_bytes / GIB, memory.free.bytes / GIB
    said = f"vLLM asks for {wanted:.2f} GiB at start, {free:.2f} GiB are free on the card"
    if not gpu.processes:
        return said
    named, others = gpu.processes[:MOST_NAMED], len(gpu.processes) - MOST_NAMED
    more = f" and {others} more" if others > 0 else ""
    return f"{said}; GPU {named[0].card} is held by {', '.join(map(_holder, named))}{more}"


def _holder(process: GpuProcess) -> str:
    who = f"pid {process.pid}" if process.name is None else f"{process.name} (pid {process.pid})"
    held = process.memory_bytes
    return f"{who}, not told how much" if held is None else f"{who} {held / GIB:.2f} GiB"


def wide_message(blank: Fit, placed: Sizing) -> str:
    """Why no end of the range is an answer: what may differ by how much."""
    weights = placed.memory.fullest_rank().weights
    low, high = weights.low_bytes / GIB, weights.high_bytes / GIB
    named = blank.model.only_named
    why = "" if named is None else f": {named.provenance}"
    return f"the weights may take {low:.2f} to {high:.2f} GiB per GPU{why}"


def reserved_message(memory: Memory) -> str:
    return f"--kv-cache-memory-bytes leaves too little of the card's {memory.total_bytes / GIB:.2f} GiB for the rest"


def first_start_message(blank: Fit, first: Sizing) -> str:
    """What an empty compile cache leaves too little of: room for one sequence, or blocks for the graphs."""
    if not first.holds_one_sequence("low"):
        lacking = kv_message(blank, first.memory, first.cache, "tight")
    else:
        lacking = graph_blocks_message(blank, first)
    may = "may fail" if first.holds_one_sequence("high") and first.captures_graphs("high") else "will fail"
    return f"the first start of a fresh container {may}, the next will not: with an empty compile cache, {lacking}"


def graph_blocks_message(blank: Fit, placed: Sizing) -> str:
    """Too few blocks for full CUDA graphs: what is needed, how many there are, and of what that may depend."""
    needed = placed.graph_blocks
    low, usual, high = (placed.num_blocks(end) for end in ENDS)
    limit = f"--max-num-seqs {placed.engine.max_num_seqs}"
    if blank.engine_args.max_num_seqs is None:
        limit += " (the default)"
    need = f"full CUDA graphs of recurrent layers need one KV cache block per request: {limit}"
    if needed is None or high < needed.blocks:
        only = f"{need}, {usual} blocks on {cards_text(blank)}"
        return (
            only
            if needed is None or needed.is_certain
            else f"{only}, unless the attention backend has no full graphs"
        )
    return f"{need}, between {low} and {high} blocks on {cards_text(blank)}"


def kv_message(blank: Fit, memory: Memory, cache: KVCache, verdict: Verdict) -> str:
    needed = cache.bytes_needed(blank.engine.max_model_len)
    rank = memory.binding_rank(needed)
    low, usual, high = (max(rank.available(end), 0) / GIB for end in ENDS)
    need = f"one sequence of {blank.engine.max_model_len} tokens needs {needed[rank.index] / GIB:.2f} GiB of KV cache"
    if verdict == "tight":
        return f"{need}, between {low:.2f} and {high:.2f} GiB will be left for it on {cards_text(blank)}"
    return f"{need}, {usual:.2f} GiB are left for it on {cards_text(blank)}"
