"""Models whose attention only TRITON_ATTN has, which vLLM does not choose by itself on recent GPUs."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start

TRITON_MODELS = {
    "Rnj1ForCausalLM": "chunks that look back",
    "Step1ForCausalLM": "positions by a square root of ALiBi",
}
_FIRST_WITH_OTHERS_FIRST = (8, 0)  # FlashAttention comes before Triton from there on


def triton_model_fault(start: Start) -> Refusal | None:
    """`Attention.__init__` of model_executor/layers/attention/attention.py, 0.17.0 to 0.33.0: it names the backend that
    was chosen, and stops."""
    asked, capability = start.engine_args, start.compute_capability
    why = TRITON_MODELS.get(start.model.architecture)
    backend = (asked.attention_backend or "FLASH_ATTN").upper()
    if why is None or backend not in ("FLASH_ATTN", "FLASHINFER"):
        return None
    if capability is None or capability < _FIRST_WITH_OTHERS_FIRST or asked.kv_cache_dtype != "auto":
        return None
    return Refusal(
        "attention_backend",
        f"its attention has {why}, which only --attention-backend TRITON_ATTN serves",
        ({"attention_backend": "TRITON_ATTN"},),
    )
