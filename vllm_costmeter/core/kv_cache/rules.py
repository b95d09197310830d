"""Changes between vLLM versions in the arithmetic of the KV cache: one row per change, newest first."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.release import Release


@dataclass(frozen=True, slots=True)
class KVRules:
    """The rules of one vLLM release. All rows were read in the release's own sources (0.17.0 to 0.33.0)."""

    first_version: tuple[int, int]
    max_padding_ratio: float
    """Layers of several kinds are padded to the largest kind while it has less than this times the smallest's
    layers, and split into groups of the smallest's size otherwise."""
    tokens_are_concurrency: bool
    """"GPU KV cache size: N tokens" is `int(max_concurrency * max_model_len)`; before, blocks x block per group."""
    pads_unaligned_pages: bool
    """Attention pages that do not divide the largest page are padded to it; before, vLLM refused the model."""
    counts_in_flight_batches: bool
    """Windows reserve for every concurrent batch (two with asynchronous scheduling); before, for one batch."""
    caches_hybrid_prefixes: bool
    """Prefix caching is on by default for models with recurrent layers, which then keep two states."""
    reserves_null_block: bool
    """The fit check leaves out the one block that the block pool holds back."""
    packs_blocks: bool
    """Backends that lay a block out over all layers pack pages of several sizes into it (DeepSeek V4)."""
    aligns_packed_rows: bool
    """Such blocks are whole rows of sparse latents (GLM-5 Next)."""
    packs_pools: bool
    """Mega attention of compute capability 10.x stores pooled latents in NVFP4 (DeepSeek V4.1)."""
    aligns_window_rows: bool
    """On compute capability 10.x such blocks are whole rows of windows and of pooled latents (DeepSeek V4.1)."""
    plain_sparse_rows: bool
    """Hopper has a backend for sparse latents in plain fp8 rows (`fp8_e4m3`); before, only for the packed format."""
    wide_head_fp8_blocks: bool
    """fp8 caches of 512-wide heads (Gemma 4) take FlashAttention 4's blocks on Hopper."""
    blackwell_kv_cache_dtypes: frozenset[str]
    """What `auto` becomes on compute capability 10.x for architectures that choose it: GLM-5, and GLM-5 Next."""
    aligns_each_rank: bool
    """Blocks of hybrids are aligned on each pipeline rank by the attention that it holds; before, once for all."""
    pools_windows: bool
    """The window of a layer that pools tokens is counted in pooled ones; before, in the layer's own."""
    forces_latent_blocks: bool
    """Dense MLA on Hopper and 10.x takes its backend's block whatever `--block-size` asks."""
    retains_drafted_tokens: bool
    """Windows keep the tokens that several prediction modules read again (`extra_retained_tokens`)."""
    hybrid_latent_block_tokens: int
    """Granularity of the attention block where MLA shares the pool with recurrent layers (Kimi-Linear)."""
    mamba_prefix_blocks: bool
    """Mamba layers may keep a state per block of the prefix (`--mamba-cache-mode all`, the default of its models
    with prefix caching); later versions only keep the last ones."""
    prefill_checkpoints: frozenset[str]
    """Layers that keep one more state per sequence, in the middle of a prefill, when prefixes are cached: "mamba2", and
    "kimi_k3" and "glm5_next" where FlashKDA computes them."""
    delta_checkpoint_tokens: int
    """Gated delta nets keep one more state per sequence, as Mamba 2 does, where FlashInfer prefills them: blocks are
    then multiples of this many tokens. 0: they keep none."""
    full_graph_blocks: Literal["per_captured_request", "captures_fewer", "per_request"]
    """What full CUDA graphs of recurrent layers do where the pool has fewer blocks than requests may run: an
    assertion of the kernels of gated delta nets ends the capture (0.17), smaller batches are captured (0.18, 0.19),
    or vLLM stops (0.20 and newer)."""
    evidence: str


_V0_17 = KVRules(
    first_version=(0, 17),
    max_padding_ratio=1.25,
    tokens_are_concurrency=False,
    pads_unaligned_pages=False,
    counts_in_flight_batches=False,
    caches_hybrid_prefixes=False,
    reserves_null_block=False,
    packs_blocks=False,
    aligns_packed_rows=False,
    packs_pools=False,
    aligns_window_rows=False,
    plain_sparse_rows=False,
    wide_head_fp8_blocks=False,
    blackwell_kv_cache_dtypes=frozenset(),
    aligns_each_rank=False,
    pools_windows=False,
    forces_latent_blocks=True,
    retains_drafted_tokens=False,
    hybrid_latent_block_tokens=64,
    mamba_prefix_blocks=True,
    prefill_checkpoints=frozenset(),
    delta_checkpoint_tokens=0,
    full_graph_blocks="per_captured_request",
    evidence="sources of 0.17.0: v1/core/kv_cache_utils.py, v1/kv_cache_interface.py",
)
_V0_18 = replace(
    _V0_17,
    first_version=(0, 18),
    max_padding_ratio=1.5,
    forces_latent_blocks=False,
    full_graph_blocks="captures_fewer",
    evidence="PR #36684, 2026-03; 0.18.0; check_and_update_config of platforms/cuda.py; "
    "adjust_cudagraph_sizes_for_mamba_cache of 0.18.0 to 0.19.1",
)
_V0_20 = replace(
    _V0_18,
    first_version=(0, 20),
    aligns_each_rank=True,
    hybrid_latent_block_tokens=16,
    full_graph_blocks="per_request",
    evidence="sources of 0.20.0: resolve_cudagraph_mode_and_sizes raises, "
    "_align_hybrid_block_size asks the backend of the rank's own layers; 0.19.1 aligns in "
    "HybridAttentionMambaModelConfig, before ranks",
)
_V0_21 = replace(
    _V0_20, first_version=(0, 21), tokens_are_concurrency=True, evidence="PR #41069, 2026-04-28; 0.21.0"
)
_V0_24 = replace(
    _V0_21,
    first_version=(0, 24),
    pads_unaligned_pages=True,
    evidence="sources of 0.24.0: unify_kv_cache_spec_page_size pads",
)
_V0_25 = replace(
    _V0_24,
    first_version=(0, 25),
    pools_windows=True,
    evidence="sources of 0.25.0: WhisperCausalAttentionWithBlockPooling.get_kv_cache_spec",
)
_V0_26 = replace(
    _V0_25,
    first_version=(0, 26),
    counts_in_flight_batches=True,
    evidence="sources of 0.26.0: VllmConfig.max_in_flight_tokens",
)
_V0_28 = replace(
    _V0_26,
    first_version=(0, 28),
    caches_hybrid_prefixes=True,
    retains_drafted_tokens=True,
    hybrid_latent_block_tokens=128,
    mamba_prefix_blocks=False,
    evidence="sources of 0.28.0: EngineArgs._set_default_chunked_prefill_and_prefix_caching_args no longer leaves out "
    "hybrids (0.27.0 does), _align_hybrid_block_size, MambaModelConfig chooses 'align', "
    "get_kv_cache_configs tags windows; answers of 0.27.0 and 0.29.0",
)
_V0_29 = replace(
    _V0_28,
    first_version=(0, 29),
    reserves_null_block=True,
    prefill_checkpoints=frozenset({"kimi_k3"}),
    evidence="sources of 0.29.0: get_kv_cache_configs, KimiK3DeltaAttention.get_kv_cache_spec",
)
_V0_30 = replace(
    _V0_29,
    first_version=(0, 30),
    packs_blocks=True,
    plain_sparse_rows=True,
    evidence="sources of 0.30.0: _get_packed_kv_cache_groups as in 0.32.0, flashinfer_mla_sparse_sm90.py",
)
_V0_31 = replace(
    _V0_30,
    first_version=(0, 31),
    packs_pools=True,
    wide_head_fp8_blocks=True,
    aligns_packed_rows=True,
    evidence="sources of 0.31.0: FlashAttentionBackend._get_sm90_fa4_fp8_kv_block_size, block_stride_alignment",
)
_V0_32 = replace(
    _V0_31,
    first_version=(0, 32),
    blackwell_kv_cache_dtypes=frozenset({"fp8_e4m3"}),
    prefill_checkpoints=frozenset({"kimi_k3", "mamba2", "glm5_next"}),
    evidence="sources of 0.32.0: GlmMoeDsaForCausalLM in models/config.py, MambaMixer2.get_kv_cache_spec (0.31.0 has "
    "prefill checkpoints for Kimi-K3 alone); answers of the 0.32.0 CUDA build",
)
_V0_33 = replace(
    _V0_32,
    first_version=(0, 33),
    aligns_window_rows=True,
    delta_checkpoint_tokens=64,
    blackwell_kv_cache_dtypes=frozenset({"fp8_e4m3", "fp8"}),
    evidence="sources of 0.33.0: get_kv_cache_spec of qwen_gdn_linear_attn.py, FLASHINFER_GDN_CHECKPOINT_ALIGNMENT, "
    "Platform._align_hybrid_block_size, Glm5NextModelConfig of models/config.py; answers of 0.33.0",
)
ROWS: tuple[KVRules, ...] = (
    _V0_33,
    _V0_32,
    _V0_31,
    _V0_30,
    _V0_29,
    _V0_28,
    _V0_26,
    _V0_25,
    _V0_24,
    _V0_21,
    _V0_20,
    _V0_18,
    _V0_17,
)


def kv_rules(release: Release) -> KVRules:
    """The row in force for a release: the newest row not after it, and the oldest for an older one."""
    return next((row for row in ROWS if row.first_version <= release.minor), ROWS[-1])
