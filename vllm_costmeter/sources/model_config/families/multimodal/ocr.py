"""Models that read documents, and Keye-VL, which has PaddleOCR-VL's tower (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.llama import qwen2, qwen3
from vllm_costmeter.sources.model_config.families.dense.styles import ERNIE4_5
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH
from vllm_costmeter.sources.model_config.towers.ocr import dots_ocr, keye, keye_vl1_5, paddleocr_vl

_NAMES = (("model.", "language_model.model."), ("lm_head.", "language_model.lm_head."))

DOTS_OCR = Family(qwen2, dots_ocr, _NAMES)
PADDLEOCR_VL = Family(ERNIE4_5, paddleocr_vl, _NAMES, is_pipelined=False)
KEYE = Family(qwen3, keye, _NAMES, BOTH)
KEYE_VL1_5 = Family(qwen3, keye_vl1_5, _NAMES, BOTH)
