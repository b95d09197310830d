"""Models whose attention one backend alone has, where vLLM chooses another by itself."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start

ONE_BACKEND = {
    "FlintForCausalLM": ("FLASHINFER", "kernels that write FlashInfer's cache"),
    "Rnj1ForCausalLM": ("TRITON_ATTN", "chunks that look back"),
    "Step1ForCausalLM": ("TRITON_ATTN", "positions by a square root of ALiBi"),
}
_FLASH_ATTN_FROM = (8, 0)
_FLASHINFER_FIRST = 10  # major capability; elsewhere FlashAttention comes first


def one_backend_fault(start: Start) -> Refusal | None:
    """`Attention.__init__` of model_executor/layers/attention/attention.py (0.17.0 to 0.33.0) and `FlintAttention`
    (0.33.0), which see the chosen backend, and stop."""
    asked, capability = start.engine_args, start.compute_capability
    backend, why = ONE_BACKEND[start.model.architecture]
    if capability is None or capability < _FLASH_ATTN_FROM or asked.kv_cache_dtype != "auto":
        return None
    chosen = "FLASHINFER" if capability[0] == _FLASHINFER_FIRST else "FLASH_ATTN"
    served = (asked.attention_backend or chosen).upper()
    if served == backend or served not in ("FLASH_ATTN", "FLASHINFER", "TRITON_ATTN"):
        return None
    return Refusal(
        "attention_backend",
        f"its attention has {why}, which only --attention-backend {backend} serves",
        ({"attention_backend": backend},),
    )
