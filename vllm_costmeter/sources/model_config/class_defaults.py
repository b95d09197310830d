"""What a config.json may leave out, because the configuration class that reads it fills it in.

Values of transformers 5 (`AutoConfig.for_model(model_type).to_dict()`, read 2026-07 with vLLM 0.32).
"""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.sources.model_config.reader import ConfigReader

_GEMMA3 = {
    "vocab_size": 262208,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": True,
}
_LLAMA = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
}
_MISTRAL = _LLAMA | {
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
}
CLASS_DEFAULTS: dict[str, dict[str, int | bool]] = {
    "gemma": {"head_dim": 256, "max_position_embeddings": 8192, "tie_word_embeddings": True},
    "gemma2": _GEMMA3 | {"vocab_size": 256000, "max_position_embeddings": 8192},
    "gemma3_text": _GEMMA3,
    "gemma4_text": _GEMMA3
    | {"vocab_size": 262144, "num_hidden_layers": 30, "hidden_size_per_layer_input": 256},
    "gemma4_unified_text": _GEMMA3
    | {"vocab_size": 262144, "num_hidden_layers": 30, "max_position_embeddings": 262144},
    "granite": _LLAMA,
    "granite_swa": {"sliding_window": 128, "tie_word_embeddings": True},
    "granitemoe_swa": {"sliding_window": 128},
    "llama": _LLAMA,
    "llama4_text": {
        "vocab_size": 202048,
        "hidden_size": 5120,
        "intermediate_size": 8192,
        "intermediate_size_mlp": 16384,
        "num_hidden_layers": 48,
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 131072,
        "num_local_experts": 16,
        "interleave_moe_layer_step": 1,
    },
    "mistral": _MISTRAL,
    "mixtral": _MISTRAL | {"num_local_experts": 8},
    "qwen2": {"vocab_size": 151936, "max_position_embeddings": 32768},
    "qwen2_5_omni_text": {
        "vocab_size": 152064,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": True,
    },
    "qwen3": {"vocab_size": 151936, "max_position_embeddings": 32768, "head_dim": 128},
    "qwen3_moe": {"vocab_size": 151936, "max_position_embeddings": 32768},
    "phi3": {"vocab_size": 32064, "max_position_embeddings": 4096},
    "cohere": {"vocab_size": 256000, "max_position_embeddings": 8192, "tie_word_embeddings": True},
    "cohere2": {"vocab_size": 256000, "max_position_embeddings": 8192, "tie_word_embeddings": True},
}


def with_class_defaults(text: ConfigReader) -> ConfigReader:
    """The section with the values its configuration class fills in; what the file states wins, null where there is no
    such value."""
    model_type = text.raw("model_type")
    defaults: Mapping[str, int | bool] | None = (
        CLASS_DEFAULTS.get(model_type) if isinstance(model_type, str) else None
    )
    if defaults is None:
        return text
    stated = {key: value for key, value in text.values.items() if value is not None or key not in defaults}
    return ConfigReader({**defaults, **stated}, text.name, text.path)
