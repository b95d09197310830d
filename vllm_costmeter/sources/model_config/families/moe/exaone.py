"""K-EXAONE: windows, experts, dense prediction layers (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Embedding
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.dense.style import Style, dense_attention, style_rotary
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.moe.routed import routed
from vllm_costmeter.sources.model_config.families.prediction import behind_fc
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import as_listed, stated_window
from vllm_costmeter.sources.model_config.layer_types import layer_types

_EXAONE = Style(qk_norm="head")


def exaone_moe(source: Source) -> Weights:
    """K-EXAONE: `is_moe_layer` says which layers route."""
    flags = source.text.optional_list("is_moe_layer")
    first = source.text.int("first_k_dense_replace", default=0)
    hidden, table = source.hidden_size, style_rotary(source, _EXAONE)
    half = routed(source, "num_experts", "num_shared_experts", correction="mlp")

    def layer(kind: tuple[int | None, bool]) -> Layer:
        window, routes = kind
        rest = half if routes else gated_mlp("mlp", hidden, source.intermediate_size)
        return layer_of(*dense_attention(source, _EXAONE, table, window), *norms(hidden, *TWO_NORMS), *rest)

    has_flags = flags is not None and len(flags) >= source.num_layers
    kinds = [
        (window, bool(flags[index]) if flags is not None and has_flags else index >= first)
        for index, window in enumerate(as_listed(source))
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def _exaone_moe(source: Source, target: Weights, count: int) -> Weights | None:
    """K-EXAONE: dense layers of the kind that `mtp_layer_types` names, or that the model's layers of the same numbers
    have; None where that is not known."""
    text, hidden = source.text, source.hidden_size
    given = text.optional_list("mtp_layer_types")
    kinds = layer_types(text, count) if given is None else tuple(given[:count])
    window = stated_window(text)
    known = {"full_attention"} if window is None else {"full_attention", "sliding_attention"}
    if text.has("mtp_sliding_windows") or len(kinds) < count or not set(map(str, kinds)) <= known:
        return None
    rest = (*gated_mlp("mlp", hidden, source.intermediate_size), *norms(hidden, *TWO_NORMS))

    def layer(kind: str) -> Layer:
        own = window if kind == "sliding_attention" else None
        return layer_of(*dense_attention(source, Style(qk_norm="head"), None, own), *rest)

    own = () if target.is_tied else (Embedding("lm_head", source.vocab_size, hidden),)
    return behind_fc(source, target, each_kind(kinds, layer), own)


EXAONE_MOE = Family(exaone_moe, prediction=_exaone_moe)
