"""Laguna's DFlash drafter: Laguna's layers, which cache every token whatever their window (vLLM 0.32,
laguna_dflash.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.attention import FullAttention, SlidingWindow
from vllm_costmeter.core.model.parts import Buffer, Embedding
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.drafters.dflash import own_section
from vllm_costmeter.sources.model_config.families.moe.laguna import laguna
from vllm_costmeter.sources.model_config.families.source import Source


def laguna_dflash(source: Source) -> Weights:
    """A norm for each hidden state of the target that it reads, as wide as the target's."""
    text, hidden = source.text, source.hidden_size
    listed = own_section(source).optional_list("target_layer_ids") or ()
    seen = text.int("target_hidden_size", default=hidden, minimum=1)
    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    decoder = laguna(source)
    kinds = {id(layer): _whole(layer) for layer in decoder.layers}
    return Weights(
        layers=tuple(kinds[id(layer)] for layer in decoder.layers),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            Buffer("model.mask_embedding", hidden),
            *norms(seen * len(listed), "model.aux_hidden_norms"),
            replicated("model.fc", seen * len(listed), hidden),
        ),
        last=(
            *norms(hidden, "model.hidden_norm", "model.norm"),
            Embedding("lm_head", vocab, hidden),
        ),
    )


def _whole(layer: Layer) -> Layer:
    return replace(
        layer,
        caches=tuple(
            FullAttention(cache.num_kv_heads, cache.head_size, cache.head_size_v)
            if isinstance(cache, SlidingWindow)
            else cache
            for cache in layer.caches
        ),
    )
