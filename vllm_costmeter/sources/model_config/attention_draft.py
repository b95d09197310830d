"""The caches that speculative decoding adds: layers of a draft model, or the model's own prediction layers (MTP).

Read in vLLM 0.32: `config/speculative.py` and the `*_mtp.py` models. Drafters without a cache of their own (n-grams,
suffixes, Medusa) add none. The drafter lives on the last pipeline rank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import FullAttention, ModelAttention, SparseIndexer
from vllm_costmeter.sources.model_config.attention import attention_layers, text_section
from vllm_costmeter.sources.model_config.attention_heads import Layers, head_size, kv_heads, plain
from vllm_costmeter.sources.model_config.attention_latent import compressed_window, latent_cache
from vllm_costmeter.sources.model_config.reader import ConfigReader

WITHOUT_CACHE = frozenset({"ngram", "ngram_gpu", "suffix", "medusa", "mlp_speculator"})
LARGEST_PREDICTION_COUNT = 64


def with_draft(
    model: ModelAttention,
    config: ConfigReader,
    architecture: str,
    speculative: Mapping[str, Any],
    draft: ConfigReader | None = None,
) -> ModelAttention:
    """`model` with the caches of its drafter. `speculative` is `--speculative-config`; `draft` the config.json of the
    model that it names, where it names one.

    Errors: NotUnderstoodError for a method or an architecture's prediction layers that are not known, or a draft
    model whose file is not at hand.
    """
    method = speculative.get("method")
    if method is not None and not isinstance(method, str):
        raise BadInputError("--speculative-config: method must be a string")
    if method in WITHOUT_CACHE:
        return model
    if method is not None and method.endswith("mtp"):
        return replace(model, draft_layers=prediction_layers(config, architecture))
    if draft is None:
        raise NotUnderstoodError(
            "--speculative-config: the draft model's config.json is needed for its KV cache"
        )
    names = draft.optional_list("architectures")
    name = str(names[0]) if names else ""
    if method in ("eagle", "eagle3") or "Eagle" in name:
        return replace(model, draft_layers=plain(text_section(draft)))
    if method in (None, "draft_model"):
        return replace(model, draft_layers=attention_layers(draft, name))
    raise NotUnderstoodError(f"--speculative-config: the KV cache of method {method!r} is not known")


def prediction_layers(config: ConfigReader, architecture: str) -> Layers:
    """Caches of the model's own prediction layers (MTP). NotUnderstoodError where they are not known."""
    family = _PREDICTION.get(architecture)
    if family is None:
        raise NotUnderstoodError(f"{architecture}: the KV cache of its prediction layers (MTP) is not known")
    return family(text_section(config))


def _count(text: ConfigReader, *keys: str) -> int:
    return text.int(*keys, default=1, maximum=LARGEST_PREDICTION_COUNT)


def _full(text: ConfigReader) -> Layers:
    heads = FullAttention(kv_heads(text), head_size(text))
    return ((heads,),) * _count(text, "num_nextn_predict_layers", "mtp_num_hidden_layers")


def _latent(text: ConfigReader) -> Layers:
    return ((latent_cache(text),),) * _count(text, "num_nextn_predict_layers")


def _sparse_latent(text: ConfigReader) -> Layers:
    """Prediction layers always choose their own tokens, whatever layers share."""
    caches = (SparseIndexer(text.int("index_head_dim", minimum=1)), latent_cache(text, sparse=True))
    return (caches,) * _count(text, "num_nextn_predict_layers")


def _compressed(text: ConfigReader) -> Layers:
    """Prediction layers of DeepSeek V4 are windows alone."""
    return ((compressed_window(text, 1),),) * _count(text, "num_nextn_predict_layers")


def _nemotron_h(text: ConfigReader) -> Layers:
    pattern = text.optional_str("mtp_hybrid_override_pattern") or "*E"
    heads = FullAttention(kv_heads(text), head_size(text))
    return tuple((heads,) if letter == "*" else () for letter in pattern[:LARGEST_PREDICTION_COUNT])


_PREDICTION: dict[str, Callable[[ConfigReader], Layers]] = {
    **dict.fromkeys(("DeepseekV3ForCausalLM", "Glm4MoeLiteForCausalLM"), _latent),
    **dict.fromkeys(("DeepseekV32ForCausalLM", "GlmMoeDsaForCausalLM"), _sparse_latent),
    "DeepseekV4ForCausalLM": _compressed,
    "NemotronHForCausalLM": _nemotron_h,
    **dict.fromkeys(
        (
            "Glm4MoeForCausalLM",
            "MiMoForCausalLM",
            "Ernie4_5_MoeForCausalLM",
            "Qwen3NextForCausalLM",
            "Qwen3_5ForCausalLM",
            "Qwen3_5MoeForCausalLM",
            "Qwen3_5ForConditionalGeneration",
            "Qwen3_5MoeForConditionalGeneration",
        ),
        _full,
    ),
}
