"""The caches of a model's own prediction layers (MTP), which speculative decoding adds on the last pipeline rank.

Read in vLLM 0.32: `config/speculative.py` and the `*_mtp.py` models.
"""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.attention import FullAttention, SlidingWindow, SparseIndexer
from vllm_costmeter.sources.model_config.attention import text_section
from vllm_costmeter.sources.model_config.attention_heads import Layers, head_size, kv_heads, mimo_v2_window
from vllm_costmeter.sources.model_config.attention_latent import compressed_window, latent_cache
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader

LARGEST_PREDICTION_COUNT = 64  # published models have 1 to 3; more is a corrupt file
_QWEN_HEAD_SIZE = 256  # head_dim default of transformers' Qwen3NextConfig and Qwen3_5TextConfig


def prediction_layers(config: ConfigReader, architecture: str) -> Layers:
    """Caches of the model's own prediction layers (MTP). NotUnderstoodError where they are not known."""
    family = _FAMILIES.get(architecture)
    if family is None:
        raise NotUnderstoodError(f"{architecture}: the KV cache of its prediction layers (MTP) is not known")
    return family(text_section(config))


def nemotron_pattern(text: ConfigReader) -> str:
    """Nemotron's prediction layer as a pattern of layers, * attention and E experts, however the file spells it; other
    kinds, which vLLM refuses, are left as ?."""
    pattern = text.optional_str("mtp_hybrid_override_pattern")
    if pattern is None:
        letters = {"attention": "*", "full_attention": "*", "moe": "E"}
        kinds = text.optional_list("mtp_layers_block_type") or ["attention", "moe"]
        pattern = "".join(letters.get(kind, "?") for kind in kinds if isinstance(kind, str))
    return pattern[:LARGEST_PREDICTION_COUNT]


def _count(text: ConfigReader) -> int:
    keys = "num_nextn_predict_layers", "mtp_num_hidden_layers"
    return text.int(*keys, default=1, maximum=LARGEST_PREDICTION_COUNT)


def _full(text: ConfigReader) -> Layers:
    return ((FullAttention(kv_heads(text), head_size(text)),),) * _count(text)


def _qwen(text: ConfigReader) -> Layers:
    size = text.int("head_dim", default=_QWEN_HEAD_SIZE, minimum=1)
    return ((FullAttention(kv_heads(text), size),),) * _count(text)


def _latent(text: ConfigReader) -> Layers:
    return ((latent_cache(text),),) * _count(text)


def _sparse_latent(text: ConfigReader) -> Layers:
    """Prediction layers always choose their own tokens, whatever layers share."""
    caches = (SparseIndexer(text.int("index_head_dim", minimum=1)), latent_cache(text, sparse=True))
    return (caches,) * _count(text)


def _compressed(text: ConfigReader) -> Layers:
    """Prediction layers of DeepSeek V4 are windows alone."""
    return ((compressed_window(text, 1),),) * _count(text)


def _exaone_moe(text: ConfigReader) -> Layers:
    """K-EXAONE: of the kind that `mtp_layer_types` names, or that the model's layers of the same numbers have."""
    count, heads, size = _count(text), kv_heads(text), head_size(text)
    given = text.optional_list("mtp_layer_types")
    kinds = layer_types(text, count) if given is None else tuple(given)
    if text.has("mtp_sliding_windows") or len(kinds) < count:
        raise NotUnderstoodError(f"{text.name}: the windows of its prediction layers (MTP) are not known")
    window = text.optional_int("sliding_window", minimum=1)
    cache = {"full_attention": FullAttention(heads, size)} | (
        {} if window is None else {"sliding_attention": SlidingWindow(heads, size, window)}
    )
    if not set(kinds) <= cache.keys():
        raise NotUnderstoodError(f"{text.name}: the kind of its prediction layers (MTP) is not known")
    return tuple((cache[kind],) for kind in kinds[:count])


def _mimo_v2(text: ConfigReader) -> Layers:
    """One layer with a window, however many the file counts."""
    return ((mimo_v2_window(text),),)


def _nemotron_h(text: ConfigReader) -> Layers:
    heads = FullAttention(kv_heads(text), head_size(text))
    return tuple((heads,) if letter == "*" else () for letter in nemotron_pattern(text))


_FAMILIES: dict[str, Callable[[ConfigReader], Layers]] = {
    **dict.fromkeys(("DeepseekV3ForCausalLM", "Glm4MoeLiteForCausalLM"), _latent),
    **dict.fromkeys(("DeepseekV32ForCausalLM", "GlmMoeDsaForCausalLM"), _sparse_latent),
    "DeepseekV4ForCausalLM": _compressed,
    **dict.fromkeys(("ExaoneMoEForCausalLM", "ExaoneMoeForCausalLM"), _exaone_moe),
    **dict.fromkeys(("MiMoV2FlashForCausalLM", "MiMoV2ForCausalLM"), _mimo_v2),
    "NemotronHForCausalLM": _nemotron_h,
    **dict.fromkeys(
        ("Ernie4_5_MoeForCausalLM", "Glm4MoeForCausalLM", "HYV3ForCausalLM", "MiMoForCausalLM"), _full
    ),
    **dict.fromkeys(
        (
            "Qwen3NextForCausalLM",
            "Qwen3_5ForCausalLM",
            "Qwen3_5MoeForCausalLM",
            "Qwen3_5ForConditionalGeneration",
            "Qwen3_5MoeForConditionalGeneration",
        ),
        _qwen,
    ),
}
