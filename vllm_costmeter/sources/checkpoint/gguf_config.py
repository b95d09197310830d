"""A GGUF file's metadata -> the equivalent config.json.

Keys are gguf-py's (`Keys` of gguf/constants.py, 0.19.0). Families are those whose GGUF name vLLM's loader finds again
from their model_type (`build_name_map` of vllm-gguf-plugin 0.0.5, read 2026-11) and whose metadata state all that
decides; of the others the weights alone are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.sources.checkpoint.gguf import GgufFile
from vllm_costmeter.sources.checkpoint.gguf_stream import Length

_KEYS = {
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "vocab_size": "vocab_size",
    "expert_used_count": "num_experts_per_tok",
}
_REQUIRED = (
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
)
_WINDOWS = "attention.sliding_window_pattern"


@dataclass(frozen=True, slots=True)
class Family:
    """One GGUF architecture as a configuration of transformers."""

    class_name: str
    model_type: str
    keys: Mapping[str, str] = field(default_factory=dict)
    """GGUF key -> configuration key, in addition to the common ones."""


_LOCAL_EXPERTS = {"expert_count": "num_local_experts"}
_EXPERTS = {"expert_count": "num_experts", "expert_feed_forward_length": "moe_intermediate_size"}
_FAMILIES: Mapping[str, Family] = {
    "arcee": Family("ArceeForCausalLM", "arcee"),
    "cohere2": Family("Cohere2ForCausalLM", "cohere2"),
    "command-r": Family("CohereForCausalLM", "cohere"),
    "deepseek2": Family(
        "DeepseekV3ForCausalLM",
        "deepseek_v3",
        {
            "attention.kv_lora_rank": "kv_lora_rank",
            "attention.q_lora_rank": "q_lora_rank",
            "rope.dimension_count": "qk_rope_head_dim",
            "leading_dense_block_count": "first_k_dense_replace",
            "expert_count": "n_routed_experts",
            "expert_shared_count": "n_shared_experts",
            "expert_feed_forward_length": "moe_intermediate_size",
        },
    ),
    "ernie4_5": Family("Ernie4_5ForCausalLM", "ernie4_5"),
    "exaone4": Family("Exaone4ForCausalLM", "exaone4"),
    "gemma": Family("GemmaForCausalLM", "gemma"),
    "gemma2": Family("Gemma2ForCausalLM", "gemma2"),
    "gemma3": Family("Gemma3ForCausalLM", "gemma3_text"),
    "glm4": Family("Glm4ForCausalLM", "glm4"),
    "granite": Family("GraniteForCausalLM", "granite"),
    "granitemoe": Family(
        "GraniteMoeForCausalLM",
        "granitemoe",
        {**_LOCAL_EXPERTS, "expert_shared_feed_forward_length": "shared_intermediate_size"},
    ),
    "llama": Family("LlamaForCausalLM", "llama", _LOCAL_EXPERTS),
    "minimax-m2": Family(
        "MiniMaxM2ForCausalLM", "minimax_m2", {**_LOCAL_EXPERTS, "rope.dimension_count": "rotary_dim"}
    ),
    "nemotron": Family("NemotronForCausalLM", "nemotron"),
    "olmo": Family("OlmoForCausalLM", "olmo"),
    "olmo2": Family("Olmo2ForCausalLM", "olmo2"),
    "olmoe": Family("OlmoeForCausalLM", "olmoe", {"expert_count": "num_experts"}),
    "phi3": Family("Phi3ForCausalLM", "phi3"),
    "qwen2": Family("Qwen2ForCausalLM", "qwen2"),
    "qwen2moe": Family(
        "Qwen2MoeForCausalLM",
        "qwen2_moe",
        {**_EXPERTS, "expert_shared_feed_forward_length": "shared_expert_intermediate_size"},
    ),
    "qwen3": Family("Qwen3ForCausalLM", "qwen3"),
    "qwen3moe": Family("Qwen3MoeForCausalLM", "qwen3_moe", _EXPERTS),
    "seed_oss": Family("SeedOssForCausalLM", "seed_oss"),
    "smollm3": Family("SmolLM3ForCausalLM", "smollm3"),
    "stablelm": Family("StableLmForCausalLM", "stablelm"),
    "starcoder2": Family("Starcoder2ForCausalLM", "starcoder2"),
}


def architecture_of(gguf: GgufFile, name: str) -> str:
    """The file's name of its architecture. Raises BadInputError if it has none."""
    architecture = gguf.metadata.get("general.architecture")
    if not isinstance(architecture, str):
        raise BadInputError(f"{name}: general.architecture is missing, which names the model's class")
    return architecture[:40]


def config_of(gguf: GgufFile, name: str) -> dict[str, Any]:
    """The file's model as a config.json. Raises NotUnderstoodError for an architecture that is not in the table; keys
    of the wrong type are detected when the config is read."""
    architecture = architecture_of(gguf, name)
    family = _FAMILIES.get(architecture)
    if family is None:
        raise NotUnderstoodError(
            f"{name}: GGUF architecture {architecture!r} is not known{nearest(architecture, _FAMILIES)}"
        )
    own = {
        key.removeprefix(f"{architecture}."): value
        for key, value in gguf.metadata.items()
        if key.startswith(f"{architecture}.")
    }
    config: dict[str, Any] = {"dtype": "bfloat16", **_vocabulary(gguf)}
    for key, stated in {**_KEYS, **family.keys}.items():
        if own.get(key) is not None:
            config[stated] = _same_in_every_layer(own[key], f"{name}: {architecture}.{key}")
    missing = [key for key in _REQUIRED if _KEYS[key] not in config]
    if missing:
        raise BadInputError(f"{name}: {architecture}.{missing[0]} is missing, which this model needs")
    config |= _windows(own.get(_WINDOWS))
    return _as_class(family, config, own)


def config_beside(gguf: GgufFile, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config.json in the file's folder, with the file's own tokens, head and quantization."""
    own = _vocabulary(gguf)
    text = config.get("text_config")
    nested = {"text_config": {**text, **own}} if isinstance(text, dict) else {}
    return {**config, **own, **nested, "quantization_config": None}


def with_projector(config: Mapping[str, Any], projector: GgufFile) -> dict[str, Any]:
    """Gemma 3 with its image encoder, as `extract_vision_config_from_gguf` reads the projector's metadata."""
    text = config.get("text_config")
    vision = {
        stated: projector.metadata.get(f"clip.vision.{key}")
        for key, stated in (
            ("embedding_length", "hidden_size"),
            ("feed_forward_length", "intermediate_size"),
            ("block_count", "num_hidden_layers"),
            ("attention.head_count", "num_attention_heads"),
            ("image_size", "image_size"),
            ("patch_size", "patch_size"),
        )
    }
    return {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "dtype": "bfloat16",
        "tie_word_embeddings": config.get("tie_word_embeddings"),
        "text_config": text if isinstance(text, dict) else config,
        "vision_config": {**vision, "vision_use_head": False},
    }


def _vocabulary(gguf: GgufFile) -> dict[str, Any]:
    """What vLLM reads from the file even if there is a config.json (`maybe_patch_hf_config_from_gguf`): the number of
    tokens, and whether the output head is the embedding."""
    tokens = gguf.metadata.get("tokenizer.ggml.tokens")
    known = {"vocab_size": int(tokens)} if isinstance(tokens, Length) else {}
    return {**known, "tie_word_embeddings": not gguf.has_head}


def _as_class(family: Family, config: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Names of class and model type; if one GGUF architecture stands for several, what distinguishes them."""
    class_name, model_type = family.class_name, family.model_type
    if model_type == "llama":
        if "head_dim" not in config and own.get("rope.dimension_count") is not None:
            config["head_dim"] = own[
                "rope.dimension_count"
            ]  # "only suitable for llama" (transformers' ggml.py)
        if config.get("num_local_experts"):
            class_name, model_type = "MixtralForCausalLM", "mixtral"
    elif model_type == "deepseek_v3":
        config |= _latent(config, own)
    elif model_type == "olmo2" and config.get("sliding_window"):
        class_name, model_type = "Olmo3ForCausalLM", "olmo3"
    elif config.get("shared_intermediate_size"):
        class_name, model_type = "GraniteMoeSharedForCausalLM", "granitemoeshared"
    return {**config, "architectures": [class_name], "model_type": model_type}


def _latent(config: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Widths of a head before compression: in separate keys, because llama.cpp counts the latent as one head."""
    suffix = "_mla" if "attention.key_length_mla" in own else ""
    whole, value = own.get(f"attention.key_length{suffix}"), own.get(f"attention.value_length{suffix}")
    rope = config.get("qk_rope_head_dim")
    nope = whole - rope if isinstance(whole, int) and isinstance(rope, int) else None
    heads = config["num_attention_heads"]
    return {"qk_nope_head_dim": nope, "v_head_dim": value, "head_dim": None, "num_key_value_heads": heads}


def _windows(pattern: Any) -> dict[str, Any]:
    """Which layers have the window: one flag per layer, or every n-th layer without."""
    if isinstance(pattern, tuple):
        return {"layer_types": ["sliding_attention" if flag else "full_attention" for flag in pattern]}
    return {} if pattern is None else {"sliding_window_pattern": pattern}


def _same_in_every_layer(value: Any, where: str) -> Any:
    if not isinstance(value, tuple):
        return value
    if len(set(value)) != 1:
        raise NotUnderstoodError(f"{where}: differs from layer to layer, which is not modelled")
    return value[0]
