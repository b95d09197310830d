"""Language models behind SigLIP and a projector of two layers: Llama Nemotron VL's embedders, Eagle 2.5, Isaac, BAGEL,
Bee, R (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import qwen2, qwen3
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.families.pooling import scored
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.siglip_mlp import (
    bagel,
    bee,
    eagle2_5_vl,
    isaac,
    llama_nemotron_vl,
    rvl,
)

_NEMOTRON_NAMES = (
    ("model.", ""),
    ("language_model.layers.", "language_model.model.layers."),
    ("language_model.embed_tokens.", "language_model.model.embed_tokens."),
    ("language_model.norm.", "language_model.model.norm."),
    ("vision_model.encoder.", "vision_model.vision_model.encoder."),
)
_ISAAC_NAMES = (
    ("lm_head.", "language_model.lm_head."),
    ("model.text_model.lm_head.", "language_model.lm_head."),
    ("model.text_model.", "language_model.model."),
    ("model.vision_embedding.0", "vision_embedding.transformer"),
    ("model.vision_embedding.1", "vision_embedding.linear_fc1"),
    ("model.vision_embedding.3", "vision_embedding.linear_fc2"),
    ("model.vision_embedding.", "vision_embedding."),
    ("model.lm_head.", "language_model.lm_head."),
    ("model.", "language_model.model."),
)
_ONE_VISION_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_tower."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("model.image_newline", "image_newline"),
    ("lm_head.", "language_model.lm_head."),
)


def isaac_text(source: Source) -> Weights:
    """Qwen3, to whose rotary parameters vLLM adds sections for pictures, whatever the file says."""
    text = source.text
    stated = text.optional_section("rope_parameters", "rope_scaling")
    rotary = {**(stated.values if stated is not None else {}), "mrope_section": [2, 1, 1]}
    values = {**text.values, "rope_parameters": rotary}
    return qwen3(replace(source, text=ConfigReader(values, text.name, text.path, text.defaults)))


LLAMA_NEMOTRON_VL_EMBEDDER = Family(registered_text, llama_nemotron_vl, _NEMOTRON_NAMES, is_pooling=True)
LLAMA_NEMOTRON_VL_RERANKER = Family(
    scored(registered_text), llama_nemotron_vl, _NEMOTRON_NAMES, is_pooling=True
)
EAGLE2_5_VL = Family(registered_text, eagle2_5_vl)
ISAAC = Family(isaac_text, isaac, _ISAAC_NAMES)
BAGEL = Family(qwen2, bagel)
BEE = Family(registered_text, bee, _ONE_VISION_NAMES, ("image", "video"))
R_VL = Family(registered_text, rvl, _ONE_VISION_NAMES, ("image", "video"))
