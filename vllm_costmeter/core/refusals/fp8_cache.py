"""FP8 caches on GPUs without FP8 instructions: below compute capability 8.9, FlashInfer alone reads them."""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.refusals.attention_backend import backend_faults
from vllm_costmeter.core.refusals.attention_kind import DTYPES, AttentionKind, attention_kind
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted

NATIVE_FP8 = (8, 9)
_HAS_BFLOAT16 = (8, 0)
_CHECKED_PER_HEAD, _CHECKED_LATENT = (0, 24), (0, 26)
"""First release whose Triton backends check it (`TritonAttentionImpl`, `TritonMLAImpl`, to 0.33.0); before, their
kernels do not compile."""
_TRITON_UNLESS_FA4 = ("UnlimitedOCRForCausalLM", "EmbeddingGemma2Model")
"""Beside Gemma 4 with heads of several sizes; FlashAttention 4 needs 9.0 (models/config.py)."""


def fp8_cache_fault(start: Start) -> Refusal | None:
    """Where vLLM chooses the backend, or Triton's is asked for; `attention_backend_fault` answers for others."""
    capability, cache = start.compute_capability, start.kv_cache_dtype
    if capability is None or capability >= NATIVE_FP8 or not cache.startswith("fp8"):
        return None
    kind = attention_kind(start)
    if kind is None or kind.is_sparse or start.attention_backend not in (None, "TRITON_ATTN", "TRITON_MLA"):
        return None
    why = f"nothing reads it for latent attention (MLA); {start.gpu.name} has {dotted(capability)}"
    if not kind.is_latent:
        fault = next(_not_flashinfer(start, kind), None)
        if fault is None:
            return None
        why = f"only FlashInfer reads it: {fault}"
    checked = _CHECKED_LATENT if kind.is_latent else _CHECKED_PER_HEAD
    dtype = DTYPES.get(start.engine.dtype, start.engine.dtype)
    is_own = start.engine_args.kv_cache_dtype == "auto"
    named = f"the checkpoint's {cache} cache" if is_own else f"--kv-cache-dtype {cache}"
    return Refusal(
        "kv_cache_dtype",
        f"{named}: below compute capability {dotted(NATIVE_FP8)} {why}",
        ({"kv_cache_dtype": dtype if start.model.attention.kv_cache_dtype else "auto"},),
        is_certain=start.release.minor >= checked,
    )


def bfloat16_cache_fault(start: Start) -> Refusal | None:
    """Below 8.0, where Triton's backend is the one that serves from 0.24 on, and refuses it."""
    capability = start.compute_capability
    if capability is None or capability >= _HAS_BFLOAT16 or start.kv_cache_dtype != "bfloat16":
        return None
    if start.release.minor < _CHECKED_PER_HEAD or attention_kind(start) is None:
        return None
    return Refusal(
        "kv_cache_dtype",
        f"--kv-cache-dtype bfloat16 needs compute capability {dotted(_HAS_BFLOAT16)} or newer; {start.gpu.name} has "
        f"{dotted(capability)}",
        ({"kv_cache_dtype": "float16"},),
    )


def _not_flashinfer(start: Start, kind: AttentionKind) -> Iterator[str]:
    """Why vLLM chooses another backend; nothing where the sizes of heads are not known."""
    if not kind.head_sizes:
        return
    if start.attention_backend is not None:
        yield f"--attention-backend {start.attention_backend} is another"
    architecture = start.model.architecture
    if architecture in _TRITON_UNLESS_FA4 or (architecture.startswith("Gemma4") and len(kind.head_sizes) > 1):
        yield "vLLM takes Triton's backend for this model on GPUs without FlashAttention 4"
    yield from backend_faults(start, "FLASHINFER", kind)
