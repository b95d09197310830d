"""Published checkpoints whose parameters are counted on the Hub, against the same count from their configuration.

Each configuration states the sizes of the published file; keys that equal the defaults of their class are left out. The
counts are the totals of the safetensors headers, less what vLLM does not load (CLIP's and SigLIP's scale and offset of
their scores).
"""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.sources.model_config import model_from_config

_OPT = {
    "architectures": ["OPTForCausalLM"],
    "model_type": "opt",
    "ffn_dim": 10240,
    "hidden_size": 2560,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "vocab_size": 50304,
    "max_position_embeddings": 2048,
    "word_embed_proj_dim": 2560,
}
_DEEPSEEK_3B = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "hidden_size": 1280,
    "num_hidden_layers": 12,
    "num_attention_heads": 10,
    "num_key_value_heads": 10,
    "intermediate_size": 6848,
    "vocab_size": 129280,
    "max_position_embeddings": 8192,
    "moe_intermediate_size": 896,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "num_experts_per_tok": 6,
    "first_k_dense_replace": 1,
    "kv_lora_rank": None,
    "q_lora_rank": None,
    "qk_nope_head_dim": 0,
    "qk_rope_head_dim": 0,
    "v_head_dim": 0,
    "use_mla": False,
}
_PUBLISHED: tuple[tuple[str, int, dict[str, Any]], ...] = (
    (
        "openai/clip-vit-base-patch32",
        151_277_313 - 1,
        {
            "architectures": ["CLIPModel"],
            "model_type": "clip",
            "projection_dim": 512,
            "text_config": {"model_type": "clip_text_model"},
            "vision_config": {"model_type": "clip_vision_model"},
        },
    ),
    (
        "openai/clip-vit-large-patch14",
        427_616_513 - 1,
        {
            "architectures": ["CLIPModel"],
            "model_type": "clip",
            "projection_dim": 768,
            "text_config": {
                "model_type": "clip_text_model",
                "hidden_size": 768,
                "intermediate_size": 3072,
                "num_attention_heads": 12,
            },
            "vision_config": {
                "model_type": "clip_vision_model",
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_attention_heads": 16,
                "num_hidden_layers": 24,
                "patch_size": 14,
            },
        },
    ),
    (
        "google/siglip-base-patch16-224",
        203_155_970 - 2,
        {
            "architectures": ["SiglipModel"],
            "model_type": "siglip",
            "text_config": {"model_type": "siglip_text_model"},
            "vision_config": {"model_type": "siglip_vision_model"},
        },
    ),
    (
        "Salesforce/blip2-opt-2.7b",
        3_744_761_856,
        {
            "architectures": ["Blip2ForConditionalGeneration"],
            "model_type": "blip-2",
            "num_query_tokens": 32,
            "qformer_config": {
                "model_type": "blip_2_qformer",
                "cross_attention_frequency": 2,
                "encoder_hidden_size": 1408,
            },
            "text_config": _OPT,
            "vision_config": {"model_type": "blip_2_vision_model"},
        },
    ),
    (
        "deepseek-ai/DeepSeek-OCR",
        3_336_106_240,
        {
            "architectures": ["DeepseekOCRForCausalLM"],
            "model_type": "deepseek_vl_v2",
            "language_config": _DEEPSEEK_3B,
            "projector_config": {"projector_type": "linear", "input_dim": 2048, "n_embed": 1280},
            "vision_config": {},
        },
    ),
    (
        "baidu/Unlimited-OCR",
        3_336_106_240,
        {
            "architectures": ["UnlimitedOCRForCausalLM"],
            "model_type": "unlimited-ocr",
            "language_config": _DEEPSEEK_3B,
            "projector_config": {"projector_type": "linear", "input_dim": 2048, "n_embed": 1280},
            "vision_config": {},
        },
    ),
)


@pytest.mark.parametrize(("name", "count", "config"), _PUBLISHED, ids=[name for name, *_ in _PUBLISHED])
def test_a_published_model_has_as_many_parameters(name: str, count: int, config: dict[str, Any]) -> None:
    """To the last one: towers, projectors and language model together."""
    assert model_from_config({**config, "dtype": "bfloat16"}, name).parameters == count
