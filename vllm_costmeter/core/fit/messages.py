"""Messages of the fit check: amounts in GiB, needed and available."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import AUTO_MAX_MODEL_LEN, EngineArgs
from vllm_costmeter.core.fit.result import Fit, Verdict
from vllm_costmeter.core.fit.sizing import Sizing
from vllm_costmeter.core.gpu.group import GpuGroup, GpuProcess
from vllm_costmeter.core.kv_cache import KVCache
from vllm_costmeter.core.memory.above_budget import AboveBudget
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.memory.ranks import ENDS, Memory

ENCODES_ALONE = (
    "an encoder without its language model (--mm-encoder-only, --ec-transfer-config) is not modelled"
)
MOST_NAMED = 5
"""Limit on the processes listed in one refusal."""


def gpus_text(blank: Fit) -> str:
    """ "RTX 4090", or "2 x RTX 4090"."""
    count = blank.engine.world_size
    return blank.gpu.name if count == 1 else f"{count} x {blank.gpu.name}"


def gpu_notes(gpu: GpuGroup) -> tuple[str, ...]:
    """What a reader must know of the GPU."""
    return (*_memory_notes(gpu), *_price_notes(gpu))


def _memory_notes(gpu: GpuGroup) -> tuple[str, ...]:
    """A note for a GPU whose memory is estimated because no log states it, or depends on the machine."""
    if gpu.memory_bytes_range is None or gpu.memory_bytes_range[0] == gpu.memory_bytes_range[1]:
        return ()
    low, high = (size / GIB for size in gpu.memory_bytes_range)
    how = "is estimated" if gpu.unified is None else "depends on the machine's settings"
    api = "HIP" if gpu.unified == "strix_halo" else "CUDA"
    return (
        f"the memory of {gpu.name} {how}: {low:.2f} to {high:.2f} GiB as {api} reports it; "
        "--gpu-memory-gib overrides it",
    )


def _price_notes(gpu: GpuGroup) -> tuple[str, ...]:
    """A note with the price of a MIG slice, which is a part of its GPU's."""
    price = gpu.price
    if price is None:
        return ()
    stale = "stale price" if price.is_stale else "price"
    return (f"{gpu.name} costs ${price.usd_per_hour:.2f}/h: {price.source}, {stale} of {price.as_of}",)


def weights_message(blank: Fit, memory: Memory) -> str:
    return too_heavy(blank, memory.fullest_rank().weights.bytes, memory.weights_limit_bytes)


def too_heavy(blank: Fit, weights: int, budget: int) -> str:
    several = blank.engine.world_size > 1
    need = f"the weights need {weights / GIB:.2f} GiB{' per GPU' if several else ''}"
    return f"{need}; vLLM may use {budget / GIB:.2f} GiB of {'each ' if several else ''}{blank.gpu.name}"


def free_message(memory: Memory, gpu: GpuGroup) -> str:
    wanted, free = memory.budget_bytes / GIB, memory.free.bytes / GIB
    found = f"vLLM needs {wanted:.2f} GiB free at start; the GPU has {free:.2f} GiB free"
    if gpu.unified is not None and gpu.free_bytes is None:
        low, high = memory.free.low_bytes / GIB, memory.free.high_bytes / GIB
        left = f"{low:.2f} to {high:.2f} GiB"
        found = f"vLLM needs {wanted:.2f} GiB free at start; system and other programs leave {left}"
    if not gpu.processes:
        return found
    named, others = gpu.processes[:MOST_NAMED], len(gpu.processes) - MOST_NAMED
    more = f" and {others} more" if others > 0 else ""
    return f"{found}; GPU {named[0].gpu} is used by {', '.join(map(_user, named))}{more}"


def _user(process: GpuProcess) -> str:
    who = f"pid {process.pid}" if process.name is None else f"{process.name} (pid {process.pid})"
    held = process.memory_bytes
    return f"{who} (amount unknown)" if held is None else f"{who} {held / GIB:.2f} GiB"


def wide_message(blank: Fit, placed: Sizing) -> str:
    """Why there is no verdict: the range of the weights is too wide."""
    weights = placed.memory.fullest_rank().weights
    low, high = weights.low_bytes / GIB, weights.high_bytes / GIB
    named = blank.model.only_named
    why = "" if named is None else f": {named.provenance}"
    return f"the weights may take {low:.2f} to {high:.2f} GiB per GPU{why}"


def above_budget_message(blank: Fit, above: AboveBudget) -> str:
    """By how much the server exceeds its budget, and what the budget leaves of the GPU."""
    low, high = (end / GIB for end in above.range_bytes)
    return (
        f"vLLM uses {above.bytes / GIB:.2f} GiB above its budget ({low:.2f} to {high:.2f}), which leaves "
        f"{max(above.left_bytes, 0) / GIB:.2f} GiB of {'each ' if blank.engine.world_size > 1 else ''}"
        f"{blank.gpu.name}: an OutOfMemory while CUDA graphs are captured or requests are served is possible"
    )


def unenforced_message(blank: Fit, memory: Memory) -> str:
    """A model without KV cache, which vLLM starts without profiling, needs more than the budget."""
    need = memory.fullest_rank().used("usual") / GIB
    return (
        f"weights and activations need {need:.2f} GiB of {gpus_text(blank)}; vLLM may use "
        f"{memory.budget_bytes / GIB:.2f} GiB, which it does not enforce for a model without KV cache"
    )


def reserved_message(memory: Memory, engine_args: EngineArgs) -> str:
    total = memory.total_bytes / GIB
    has_blocks = engine_args.num_gpu_blocks_override is not None
    flag = "--num-gpu-blocks-override" if has_blocks else "--kv-cache-memory-bytes"
    return f"{flag} leaves too little of the GPU's {total:.2f} GiB for everything else"


def first_start_message(blank: Fit, first: Sizing) -> str:
    """What is missing with an empty compile cache: KV cache for one sequence, or blocks for CUDA graphs."""
    if not first.holds_one_sequence("low"):
        lacking = kv_message(blank, first.memory, first.cache, "tight")
    else:
        lacking = graph_blocks_message(blank, first)
    may = "may fail" if first.holds_one_sequence("high") and first.captures_graphs("high") else "will fail"
    return f"the first start of a fresh container {may}; the next will not. With an empty compile cache: {lacking}"


def graph_blocks_message(blank: Fit, placed: Sizing) -> str:
    """Too few blocks for full CUDA graphs: blocks needed and available, and what the need depends on."""
    needed = placed.graph_blocks
    low, usual, high = (placed.num_blocks(end) for end in ENDS)
    limit = f"--max-num-seqs {placed.engine.max_num_seqs}"
    if blank.engine_args.max_num_seqs is None:
        limit += " (the default)"
    need = f"full CUDA graphs of recurrent layers need one KV cache block per request: {limit}"
    if needed is None or high < needed.blocks:
        only = f"{need}; {usual:,} blocks available on {gpus_text(blank)}"
        return (
            only
            if needed is None or needed.is_certain
            else f"{only}, needed unless the attention backend has no full graphs"
        )
    available = f"{need}; {low:,} to {high:,} blocks available on {gpus_text(blank)}"
    if low >= needed.blocks:
        from vllm_costmeter.core.kv_cache.graph_blocks import UNEXPLAINED_SHARE

        return f"{available}, which is close: a start may have {UNEXPLAINED_SHARE:.0%} fewer"
    return available


def is_without_room(blank: Fit) -> bool:
    """Whether `--max-model-len auto` is certain of no length; 1 then stands for the shortest."""
    return blank.engine_args.max_model_len == AUTO_MAX_MODEL_LEN and blank.engine.max_model_len == 1


def kv_message(blank: Fit, memory: Memory, cache: KVCache, verdict: Verdict) -> str:
    length = blank.engine.max_model_len
    needed = cache.bytes_needed(length)
    rank = memory.binding_rank(needed)
    low, usual, high = (f"{max(rank.available(end), 0) / GIB:.2f}" for end in ENDS)
    most = "" if high == usual else f" (at most {high})"
    if is_without_room(blank):
        where = f"for the KV cache {'' if blank.engine.world_size == 1 else 'per GPU '}on {gpus_text(blank)}"
        if verdict == "refused":
            return f"not one token of context fits: {usual} GiB{most} {where}"
        return f"--max-model-len auto may find room for no token: {low} to {high} GiB {where}"
    need = f"{length:,} tokens of context need {needed[rank.index] / GIB:.2f} GiB of KV cache"
    where = f"on {gpus_text(blank)}" if blank.engine.world_size == 1 else f"per GPU on {gpus_text(blank)}"
    if verdict == "tight":
        return f"{need}; {low} to {high} GiB available {where}"
    return f"{need}; {usual} GiB{most} available {where}"
