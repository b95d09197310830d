"""Parameters of published checkpoints whose config.json states them, against the totals of their safetensors files.

The keys are those of each file that sizes depend on (read 2026-11); a difference is a part that vLLM does not load.
"""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config import model_from_config

_CLIP_LAYER = 4 * 1024 * 1025 + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024
_SIGLIP_LAYER = 4 * 1152 * 1153 + 2 * 1152 * 4304 + 4304 + 1152 + 4 * 1152
_SIGLIP_HEAD = 1152 + 4 * 1152 * 1153 + 2 * 1152 * 4304 + 4304 + 1152 + 2 * 1152
_RANK_OF_PHI4_ADAPTERS = 256 + 320  # vision and speech
_PHI4_ADAPTERS = 32 * _RANK_OF_PHI4_ADAPTERS * (3072 + 5120 + 2 * 3072 + 3072 + 2 * 8192 + 8192 + 3072)
_GEMMA_SHARED = 15 * (
    2 * 2048 * 2 * 256 + 256
)  # keys, values and their norm in layers that use another's cache

PUBLISHED: dict[str, tuple[dict[str, Any], int, int]] = {
    "allenai/Molmo-7B-D-0924": (
        {
            "architectures": ["MolmoForCausalLM"],
            "model_type": "molmo",
            "hidden_size": 3584,
            "intermediate_size": 37888,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
            "embedding_size": 152064,
            "max_position_embeddings": 4096,
            "qkv_bias": True,
            "tie_word_embeddings": False,
        },
        8_021_025_280,
        0,
    ),
    "openvla/openvla-7b": (
        {
            "architectures": ["OpenVLAForActionPrediction"],
            "model_type": "openvla",
            "text_config": {"model_type": "llama", "vocab_size": 32064},
        },
        7_541_237_184,
        0,
    ),
    "microsoft/Phi-3.5-vision-instruct": (
        {
            "architectures": ["Phi3VForCausalLM"],
            "model_type": "phi3_v",
            "hidden_size": 3072,
            "intermediate_size": 8192,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "vocab_size": 32064,
            "max_position_embeddings": 131072,
            "tie_word_embeddings": False,
            "img_processor": {"image_dim_out": 1024, "num_img_tokens": 144},
        },
        4_146_621_440,
        _CLIP_LAYER + 2 * 1024,
    ),
    "microsoft/Phi-4-multimodal-instruct": (
        {
            "architectures": ["Phi4MMForCausalLM"],
            "model_type": "phi4mm",
            "hidden_size": 3072,
            "intermediate_size": 8192,
            "num_hidden_layers": 32,
            "num_attention_heads": 24,
            "num_key_value_heads": 8,
            "vocab_size": 200064,
            "max_position_embeddings": 131072,
            "tie_word_embeddings": True,
            "partial_rotary_factor": 0.75,
            "embd_layer": {"audio_embd_layer": {"projection_cls": "mlp", "downsample_rate": 1}},
            "audio_processor": {
                "name": "cascades",
                "config": {
                    "attention_dim": 1024,
                    "attention_heads": 16,
                    "depthwise_seperable_out_channel": 1024,
                    "encoder_embedding_config": {"input_size": 80},
                    "ext_pw_out_channel": 1024,
                    "input_size": 80,
                    "linear_units": 1536,
                    "nemo_conv_settings": {"conv_channels": 1024},
                    "num_blocks": 24,
                    "relative_attention_bias_args": {"t5_bias_max_distance": 500, "type": "t5"},
                    "time_reduction": 8,
                },
            },
        },
        5_574_460_384,
        _PHI4_ADAPTERS + _SIGLIP_LAYER + _SIGLIP_HEAD + 2 * 1152,
    ),
    "google/gemma-3n-E4B-it": (
        {
            "architectures": ["Gemma3nForConditionalGeneration"],
            "model_type": "gemma3n",
            "text_config": {
                "model_type": "gemma3n_text",
                "num_kv_shared_layers": 15,
                "intermediate_size": 16384,
            },
            "vision_config": {},
            "audio_config": {},
        },
        7_849_978_192,
        _GEMMA_SHARED,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_has_the_parameters_of_its_files(name: str) -> None:
    """To the parameter, but for what vLLM leaves out."""
    config, published, left_out = PUBLISHED[name]
    weights = model_from_config(config, name).weights
    assert isinstance(weights, Weights)
    assert weights.parameters == published - left_out
