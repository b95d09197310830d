"""Families that the installed vLLM cannot build: served since 0.33, or with a tower by the checkpoint's own code.

Their rules are read from vLLM's source; here they are held against published counts of parameters, or against the sum
that a person writes down from the same source.
"""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.model_config import model_from_config

_TEACHERS = [{"name": name} for name in ("clip", "siglip", "dino", "sam")]
_RADIO_H = {
    "patch_size": 16,
    "args": {
        "model": "vit_huge_patch16_224",
        "cpe_max_size": 2048,
        "cls_token_per_teacher": True,
        "register_multiple": 8,
        "teachers": _TEACHERS,
    },
}
_LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1024,
    "max_position_embeddings": 2048,
}
_QWEN3_VL = {
    "model_type": "qwen3_vl",
    "text_config": {
        **_LLAMA,
        "architectures": None,
        "model_type": "qwen3_vl_text",
        "head_dim": 64,
        "rope_scaling": {"rope_type": "default", "mrope_section": [16, 8, 8]},
    },
    "vision_config": {
        "model_type": "qwen3_vl",
        "depth": 2,
        "hidden_size": 128,
        "intermediate_size": 320,
        "num_heads": 4,
        "out_hidden_size": 256,
        "num_position_embeddings": 144,
        "deepstack_visual_indexes": [1],
    },
}


def _model(architecture: str, **values: Any) -> Model:
    config = {"architectures": [architecture], "model_type": "x", "dtype": "bfloat16", **values}
    return model_from_config(config, architecture)


def test_radio_by_the_checkpoints_own_code_has_its_published_size() -> None:
    """NVIDIA states 653 million parameters for C-RADIO's huge size (model card of C-RADIOv4-H, 2026-01)."""
    values = {"llm_config": _LLAMA, "vit_hidden_size": 1280, "projector_hidden_size": 512}
    seen = _model("Llama_Nemotron_Nano_VL", vision_config=_RADIO_H, **values).parameters
    text = model_from_config({**_LLAMA, "dtype": "bfloat16"}, "text").parameters
    projector = 2 * 5120 + 5121 * 512 + 513 * 256
    assert seen is not None
    assert text is not None
    assert seen - text - projector == pytest.approx(653e6, rel=5e-3)


def test_radio_by_the_checkpoints_own_code_is_whole_on_every_rank() -> None:
    """transformers builds it, which knows nothing of tensor parallelism: two ranks save half of the Llama alone."""
    values = {"llm_config": _LLAMA, "vit_hidden_size": 1280, "projector_hidden_size": 512}
    seen, text = _model("Llama_Nemotron_Nano_VL", vision_config=_RADIO_H, **values), _model(**_named(_LLAMA))
    two = EngineArgs(layout=ParallelConfig(2, 1))
    saved = [model.weights_bytes(EngineArgs())[0] - model.weights_bytes(two)[0] for model in (seen, text)]
    assert saved[0] == saved[1]


def test_alpamayo_is_the_qwen3_vl_that_it_wraps() -> None:
    """Its trajectory expert is not loaded."""
    wrapped = _model("Alpamayo2Super", vlm_config=_QWEN3_VL, expert_config={"hidden_size": 512})
    plain = model_from_config(
        {**_QWEN3_VL, "architectures": ["Qwen3VLForConditionalGeneration"], "dtype": "bfloat16"}, "plain"
    )
    assert wrapped.weights_bytes(EngineArgs()) == plain.weights_bytes(EngineArgs())
    assert (wrapped.attention, wrapped.max_model_len) == (plain.attention, plain.max_model_len)


def test_ultra_vbert_is_a_small_llama_behind_siglip() -> None:
    """The sum of vLLM 0.33's modules: no caches, as all tokens see each other; two rotary tables; no head."""
    text = {
        "model_type": "ultrabert",
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "vocab_size": 1024,
        "max_position_embeddings": 2048,
    }
    vision = {
        "model_type": "siglip_vision_model",
        "hidden_size": 128,
        "intermediate_size": 320,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 64,
        "patch_size": 16,
    }
    model = _model("ColUltraVBertForRetrieval", text_config=text, vision_config=vision)
    layer = 4 * 256 * 256 + 3 * 256 * 512 + 2 * 256
    tower = (
        128 * (3 * 256 + 1) + 16 * 128 + 2 * (4 * 128 * 129 + 2 * 128 * 320 + 128 + 320 + 4 * 128) + 2 * 128
    )
    connector = 128 * 16 * 256 + 256
    assert model.parameters == 6 * layer + 1024 * 256 + 256 + tower + connector
    tables, scales, positions = 2 * 2048 * 64 * 2, 6 * 4 * 4, 16 * 8
    assert model.weights_bytes(EngineArgs()) == (2 * (model.parameters or 0) + tables + scales + positions,)
    assert model.attention.layers == ()


def _named(values: dict[str, Any]) -> dict[str, Any]:
    (architecture,) = values["architectures"]
    return {
        "architecture": architecture,
        **{key: value for key, value in values.items() if key != "architectures"},
    }
