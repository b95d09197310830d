"""Small random-weight models of the dense families that Transformers has, with the proportions of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import transformers

SIZES = {
    "hidden_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "intermediate_size": 1408,
    "vocab_size": 8192,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
}
UNGATED = SIZES | {"num_key_value_heads": 8, "intermediate_size": 2048}

FAMILIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "llama": ("LlamaConfig", SIZES),
    "llama, no grouping": ("LlamaConfig", SIZES | {"num_key_value_heads": 8}),
    "llama, tied": ("LlamaConfig", SIZES | {"tie_word_embeddings": True}),
    "llama, wide": (
        "LlamaConfig",
        SIZES | {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 6},
    ),
    "mistral": ("MistralConfig", SIZES | {"sliding_window": None}),
    "qwen2": ("Qwen2Config", SIZES),
    "qwen3": ("Qwen3Config", SIZES | {"head_dim": 128}),
    "phi3": ("Phi3Config", SIZES),
    "granite": ("GraniteConfig", SIZES),
    "gemma": ("GemmaConfig", SIZES | {"head_dim": 64, "tie_word_embeddings": True}),
    "gemma2": ("Gemma2Config", SIZES | {"head_dim": 64, "tie_word_embeddings": True}),
    "olmo2": ("Olmo2Config", SIZES),
    "olmo3": ("Olmo3Config", SIZES),
    "smollm3": ("SmolLM3Config", SIZES),
    "glm4": ("Glm4Config", SIZES | {"head_dim": 64}),
    "cohere": ("CohereConfig", SIZES | {"tie_word_embeddings": True}),
    "stablelm": ("StableLmConfig", SIZES),
    "ernie4_5": ("Ernie4_5Config", SIZES | {"head_dim": 64}),
    "exaone4": ("Exaone4Config", SIZES),
    "seed_oss": ("SeedOssConfig", SIZES | {"head_dim": 64}),
    "phi": ("PhiConfig", UNGATED),
    "starcoder2": ("Starcoder2Config", UNGATED | {"num_key_value_heads": 2}),
    "gpt_neox": ("GPTNeoXConfig", UNGATED),
    "nemotron": ("NemotronConfig", UNGATED),
}
"""Name -> (configuration class, its arguments)."""
UNGATED_FAMILIES = ("phi", "starcoder2", "gpt_neox", "nemotron")


def small_model(family: str, **settings: Any) -> Any:
    """The family's causal language model in BF16 with random weights."""
    kind, arguments = FAMILIES[family]
    config = getattr(transformers, kind)(**arguments)
    return transformers.AutoModelForCausalLM.from_config(config, **settings)
