"""Llama, Mistral, Qwen 2 and 3, Phi-3: the families that most others follow (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.style import (
    LLAMA,
    PHI3,
    QWEN2,
    QWEN3,
    QWEN3_VL,
    of_style,
)

llama = of_style(LLAMA)
qwen2 = of_style(QWEN2)
qwen3 = of_style(QWEN3)
qwen3_vl = of_style(QWEN3_VL)
phi3 = of_style(PHI3)
