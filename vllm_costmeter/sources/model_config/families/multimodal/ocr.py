"""Models that read documents (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import qwen2
from vllm_costmeter.sources.model_config.families.dense.styles import ERNIE4_5
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.towers.ocr import dots_ocr, paddleocr_vl

_NAMES = (("model.", "language_model.model."), ("lm_head.", "language_model.lm_head."))

DOTS_OCR = Family(qwen2, dots_ocr, _NAMES)
PADDLEOCR_VL = Family(ERNIE4_5, paddleocr_vl, _NAMES, is_pipelined=False)
