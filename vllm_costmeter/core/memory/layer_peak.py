"""The batch of vLLM's profile run on one pipeline rank, and the peak bytes of a decoder layer in it."""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.memory.byte_range import ByteRange, gib
from vllm_costmeter.core.model.attention import Cache, GatedDeltaState, MlaLatent
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.rank import DTYPE_BYTES
from vllm_costmeter.core.release import Version

LAYER_RANGE = (0.8, 1.4)  # pipeline ranks without a sampler logged 1.10 and 1.05 GiB; the rule gives 1.03
RECURRENT_BYTES = 40
"""Upper bound per token and hidden value of a recurrence. The profile run skips it (`_forward_core` returns early), a
request does not: an RTX 5090 ran out of memory in `chunk_gated_delta_rule` while serving (0.24.0, 2026-07)."""

CONTEXT_TOKENS = 64 * 1024
"""The limit of MLA's prefill context (`determine_chunked_prefill_workspace_size`, 0.17 to 0.33)."""
FULL_REQUESTS, PAGES_PER_REQUEST = 8, 4
MLA_BLOCKS = (64, 128)
"""Tokens per block of vLLM's MLA backends (FlashMLA and FlashInfer; CUTLASS): usual, most."""
LENGTH_OF_FULL_CONTEXT = CONTEXT_TOKENS // FULL_REQUESTS
"""From this --max-model-len on, the prefill context is at its limit."""

BENCHMARK_GIB = 0.25
"""Triton's `do_bench` holds a buffer of 256 MiB that it clears between runs."""
WARMED_SINCE: Version = (0, 18, 0)
"""`_warmup_prefill_kernels` tunes the gated delta net's kernels in the first such layer of every start."""
WARMED_MODULES_GIB = 0.4
"""Kernel code, and local memory of configurations that spill, which the driver keeps: at most, an estimate."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The batch of the profile run on one rank."""

    tokens: int
    logits_rows: int
    dtype_bytes: int
    tensor_parallel_size: int
    has_sampler: bool
    is_last_rank: bool


def workload(model: Model, engine: EngineConfig, *, is_last_rank: bool) -> Workload:
    """One row of logits per sequence, and the largest batch."""
    return Workload(
        tokens=engine.max_num_batched_tokens,
        logits_rows=min(engine.max_num_seqs, engine.max_num_batched_tokens),
        dtype_bytes=DTYPE_BYTES.get(engine.dtype, 2),
        tensor_parallel_size=engine.layout.tensor_parallel_size,
        has_sampler=is_last_rank and not model.is_pooling,
        is_last_rank=is_last_rank,
    )


def layer_peak(model: Model, engine: EngineConfig, engine_args: EngineArgs, work: Workload) -> ByteRange:
    """The widest layer: residual and input, plus gate, up and product, or q, k, v and output, or more."""
    usual = _dense_bytes(model, work)
    low, high = (round(share * usual) for share in LAYER_RANGE)
    peak = ByteRange(usual, low, high, "the widest layer")
    for cache in _kinds(model):
        if isinstance(cache, MlaLatent):
            peak = peak.at_least(_latent(cache, model, engine, engine_args, work))
        elif isinstance(cache, GatedDeltaState):
            peak = peak.at_least(_gated_delta(cache, model, engine.release.number, work))
    if model.is_hybrid:
        high = peak.high_bytes + RECURRENT_BYTES * work.tokens * model.sizes.hidden_size
        peak = ByteRange(peak.bytes, peak.low_bytes, high, peak.rule)
    return peak


def depends_on_length(model: Model) -> bool:
    """Whether the peak depends on --max-model-len below `LENGTH_OF_FULL_CONTEXT`."""
    return any(isinstance(cache, MlaLatent) for cache in _kinds(model))


def warmed_modules(model: Model, release: Version) -> ByteRange:
    """Memory outside PyTorch that tuning the gated delta net's kernels leaves behind."""
    is_warmed = release >= WARMED_SINCE and any(isinstance(each, GatedDeltaState) for each in _kinds(model))
    most = gib(WARMED_MODULES_GIB) if is_warmed else 0
    return ByteRange(0, 0, most, "kernels of gated delta nets, tuned at every start")


def _kinds(model: Model) -> Iterator[Cache]:
    """Each kind of cache in the model once."""
    layers = dict.fromkeys(model.attention.layers)
    yield from dict.fromkeys(cache for layer in layers for cache in layer)


def _dense_bytes(model: Model, work: Workload) -> int:
    sizes, ranks = model.sizes, work.tensor_parallel_size
    feed_forward = 3 * sizes.intermediate_size // ranks
    heads = 2 * (sizes.num_attention_heads + sizes.num_key_value_heads) * sizes.head_size // ranks
    return work.dtype_bytes * work.tokens * (2 * sizes.hidden_size + max(feed_forward, heads))


def _latent(
    cache: MlaLatent, model: Model, engine: EngineConfig, engine_args: EngineArgs, work: Workload
) -> ByteRange:
    """A layer of multi-head latent attention: the profile run allocates the projected prefill context beside it
    (`MLAAttention.forward_impl`, "simulate to worse case output size", 0.17 to 0.33)."""
    heads = max(model.sizes.num_attention_heads // work.tensor_parallel_size, 1)
    query, value = cache.qk_nope_head_dim + cache.qk_rope_head_dim, cache.v_head_dim
    latent = cache.kv_lora_rank + cache.qk_rope_head_dim
    own = work.tokens * (2 * model.sizes.hidden_size + heads * (query + value) + latent)
    blocks = MLA_BLOCKS if engine_args.block_size is None else (engine_args.block_size,) * 2
    usual, most = (_context_tokens(engine, block) for block in blocks)
    each = work.dtype_bytes * heads * (cache.qk_nope_head_dim + value)
    own *= work.dtype_bytes
    return ByteRange(
        usual * each + own,
        usual * each + own // 2,
        most * each + round(LAYER_RANGE[1] * own),
        "the prefill context of latent attention",
    )


def _context_tokens(engine: EngineConfig, block: int) -> int:
    asked = max(FULL_REQUESTS * engine.max_model_len, PAGES_PER_REQUEST * engine.max_num_seqs * block)
    return max(min(asked, CONTEXT_TOKENS), engine.max_num_seqs * block)


def _gated_delta(cache: GatedDeltaState, model: Model, release: Version, work: Workload) -> ByteRange:
    """A gated delta net without its recurrence: the fused q, k, v and z, the output and its gated norm, and from 0.18
    on the tuning of its kernels."""
    keys, values = cache.num_k_heads * cache.head_k_dim, cache.num_v_heads * cache.head_v_dim
    fused, ranks, hidden = 2 * keys + 2 * values, work.tensor_parallel_size, model.sizes.hidden_size
    each = work.dtype_bytes * work.tokens
    tuning = gib(BENCHMARK_GIB) if release >= WARMED_SINCE else 0
    usual = each * (2 * hidden + (fused + 2 * values) // ranks) + tuning
    return ByteRange(usual, each * (2 * hidden + (fused + values) // ranks), usual, "a gated delta net")
