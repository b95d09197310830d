"""Block size and cache format of vLLM's CUDA attention backends.

Mirrors `_get_backend_priorities` of vLLM's `platforms/cuda.py` and the backends' `get_supported_kernel_block_sizes`
(read in 0.17 to 0.32). Only what affects bytes is modelled: backends that agree on it are treated as one.
"""

from __future__ import annotations

from vllm_costmeter.core.errors import GpuCannotError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.dtypes import is_quantized

DEFAULT_BLOCK_TOKENS = 16  # CacheConfig.DEFAULT_BLOCK_SIZE, vLLM 0.17 to 0.32
SPARSE_BLOCK_TOKENS = 64  # DEEPSEEK_V32_INDEXER's only kernel block on CUDA, vLLM 0.17 to 0.32
SPARSE_HEADS_BLOCK_TOKENS = 128  # MiniMaxM3SparseBackend and its indexer, vLLM 0.26 to 0.33
POOLED_KEYS = {
    12: 64
}  # keys of a page of Glm5NextIndexerBackend by major compute capability, else 32; vLLM 0.32
COMPRESSED_BLOCK_TOKENS = 256  # FLASHMLA_SPARSE_DSV4 and DEEPSEEK_V4_INDEXER, vLLM 0.32
SOURCED_BLOCK_TOKENS = {
    9: 64
}  # DeepseekV4SparseMLABackend of V4.1 by major compute capability, else 128; vLLM 0.32
WIDE_HEAD_FP8_BLOCK_TOKENS = 64  # FlashAttention 4's tile for fp8 caches of 512-wide heads on SM90, vLLM 0.32

HOPPER, BLACKWELL, BLACKWELL_CONSUMER = 9, 10, 12  # major compute capabilities
FLASH_KDA_MAJORS = (HOPPER, BLACKWELL, BLACKWELL_CONSUMER)  # is_flashkda_supported, vLLM 0.29 to 0.33


def dense_latent_block_tokens(major: int, kv_dtype: str, qk_nope_head_dim: int) -> int:
    """Block of dense MLA. Hopper: FLASH_ATTN_MLA (16), or FLASHMLA (64) once quantized; Blackwell data centre:
    FLASHINFER_MLA (32), or CUTLASS_MLA (128) for head sizes the former lacks; elsewhere TRITON_MLA (16)."""
    if major == HOPPER:
        return 64 if is_quantized(kv_dtype) else DEFAULT_BLOCK_TOKENS
    if major == BLACKWELL:
        return 32 if qk_nope_head_dim in (64, 128, 192) else 128
    return DEFAULT_BLOCK_TOKENS


def forced_latent_block_tokens(major: int, qk_nope_head_dim: int, asked: int | None) -> int:
    """Block of dense MLA in 0.17, where `check_and_update_config` of platforms/cuda.py replaces one that FlashMLA
    (Hopper), FlashInfer (10.x, `qk_nope_head_dim` of 128) or CUTLASS (other heads of 10.x) does not take."""
    given = asked or DEFAULT_BLOCK_TOKENS
    if major == HOPPER:
        return 64 if given % 64 else given
    if major == BLACKWELL and qk_nope_head_dim == 128:
        return given if given == 32 or given % 64 == 0 else 64
    if major == BLACKWELL:
        return 128 if given % 128 else given
    return given


def sparse_latent_dtype(major: int, kv_dtype: str, *, plain_rows: bool) -> str:
    """The format in which sparse MLA stores the requested `--kv-cache-dtype`. Hopper: `fp8` means FlashMLA's packed 656
    bytes, `fp8_e4m3` FlashInfer's `plain_rows` if the version has them; SM120 always packs.

    Raises GpuCannotError if no backend exists, NotUnderstoodError for plain rows before vLLM had them.
    """
    if major < HOPPER:
        raise GpuCannotError(
            "sparse attention (DeepSeek V3.2, GLM-5) needs compute capability 9.0 or newer in vLLM"
        )
    if major == BLACKWELL_CONSUMER and kv_dtype in ("auto", "fp8", "fp8_e4m3"):
        return "fp8_ds_mla"
    if major == HOPPER and kv_dtype == "fp8":
        return "fp8_ds_mla"
    if major == HOPPER and kv_dtype == "fp8_e4m3" and not plain_rows:
        raise NotUnderstoodError(
            "sparse attention with an fp8_e4m3 cache on Hopper is not modelled before vLLM 0.30"
        )
    return "auto" if kv_dtype == "bfloat16" else kv_dtype


def head_block_tokens(major: int, kv_dtype: str, widest_head: int, *, wide_fp8_blocks: bool) -> int:
    """Block of attention with keys and values per head: 16, except for fp8 caches of 512-wide heads on Hopper in
    versions with `wide_fp8_blocks`."""
    wide = wide_fp8_blocks and major == HOPPER and widest_head == 512 and kv_dtype in ("fp8", "fp8_e4m3")
    return WIDE_HEAD_FP8_BLOCK_TOKENS if wide else DEFAULT_BLOCK_TOKENS
