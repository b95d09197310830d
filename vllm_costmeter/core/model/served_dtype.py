"""The dtype in which vLLM serves a model under `--dtype auto`, where model or GPU rule one out."""

from __future__ import annotations

NO_FLOAT16 = frozenset({"gemma2", "gemma3", "gemma3_text", "glm4"})
"""model_type of models that overflow in float16 (`_FLOAT16_NOT_SUPPORTED_MODELS` of vllm/config/model.py, 0.17.0 to
0.33.0; up to 0.26 also plamo2)."""

BFLOAT16_CAPABILITY = (8, 0)
"""Older GPUs have float16 and float32 only (`supported_dtypes` of vllm/platforms/cuda.py, 0.17.0 to 0.33.0)."""


def served_before_bfloat16(dtype: str, model_type: str) -> str:
    """What a GPU without bfloat16 serves instead of `dtype`: float16, or float32 where that overflows
    (`_resolve_auto_dtype` of vllm/config/model.py, 0.17.0 to 0.33.0)."""
    if dtype == "float32":
        return dtype
    return "float32" if model_type in NO_FLOAT16 else "float16"
