"""What the layers of a small model cache, by its architecture and the keys of its config.json."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.sources.model_config import model_from_config

DENSE = {
    "hidden_size": 4096,
    "intermediate_size": 8192,
    "num_hidden_layers": 4,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 1024,
    "max_position_embeddings": 8192,
    "num_local_experts": 4,
    "moe_intermediate_size": 64,
    "intermediate_size_mlp": 64,
}


def layers(architecture: str, **values: Any) -> tuple[Any, ...]:
    return model_from_config(
        {**DENSE, **values, "architectures": [architecture]}, "config.json"
    ).attention.layers


def kinds(architecture: str, **values: Any) -> list[type]:
    return [type(cache) for caches in layers(architecture, **values) for cache in caches]
