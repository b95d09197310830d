"""LongCat Flash: two latent attentions and two MLPs per layer, experts of which some do nothing (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import language_model, layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention, latent_rotary
from vllm_costmeter.sources.model_config.families.prediction import head, predictor
from vllm_costmeter.sources.model_config.families.source import Source

_INT32_BYTES = 4


def longcat_flash(source: Source) -> Weights:
    """The first LongCat Flash."""
    return language_model(source, _layers(source), tied=source.is_tied())


def longcat_ngram(source: Source) -> Weights:
    """LongCat Flash Lite: beside each token's embedding those of the n-grams that end with it (0.26 to 0.33); a head of
    its own even if the file ties it."""
    return language_model(source, _layers(source), tied=False, extra_first=_ngrams(source))


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """A layer of latent attention and a dense MLP behind a projection that may be quantized."""
    hidden = source.hidden_size
    layer = layer_of(
        *latent_attention(source, latent_rotary(source)),
        *gated_mlp("mlp", hidden, _width(source)),
        *norms(hidden, "input_layernorm", "post_attention_layernorm", "enorm", "hnorm", "final_layernorm"),
        replicated("eh_proj", 2 * hidden, hidden),
    )
    first = 2 * len(target.layers)
    own = (head(source, "lm_head"),)
    return predictor(source, target, [layer] * count, prefix=target.layer_prefix, first_layer=first, last=own)


LONGCAT_FLASH = Family(longcat_flash, prediction=_prediction, prediction_count=1)
LONGCAT_NGRAM = Family(longcat_ngram, prediction=_prediction, prediction_count=1)


def _width(source: Source) -> int:
    return source.text.int("ffn_hidden_size", "intermediate_size", minimum=1)


def _layers(source: Source) -> list[Layer]:
    """`num_layers` double layers; experts that do nothing have a row of the router and no weights."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1)
    routed = count + text.int("zero_expert_num", default=0)
    rotary = latent_rotary(source)
    width = _width(source)
    halves = [
        part
        for half in ("0", "1")
        for part in (
            *latent_attention(source, rotary, f"self_attn.{half}"),
            *gated_mlp(f"mlps.{half}", hidden, width),
            *norms(hidden, f"input_layernorm.{half}", f"post_attention_layernorm.{half}"),
        )
    ]
    inner = text.int("expert_ffn_hidden_size", "moe_intermediate_size", minimum=1)
    layer = layer_of(
        *halves,
        router("mlp.router.classifier", hidden, routed, float32=True),
        Tensor("mlp.router.e_score_correction_bias", routed, element_bytes=FLOAT32_BYTES),
        experts("mlp.experts", count, hidden, inner),
    )
    layers = text.int("num_layers", default=source.num_layers, minimum=1, maximum=1024)
    return [layer] * layers


def _ngrams(source: Source) -> tuple[Part, ...]:
    """One table and one projection per length of n-gram and split; the tables, each a little longer than the one
    before, stand in one."""
    text, hidden = source.text, source.hidden_size
    if not text.has("ngram_vocab_size_ratio"):
        return ()
    splits, longest = text.int("emb_split_num", minimum=1), text.int("emb_neighbor_num", minimum=2)
    tables = splits * (longest - 1)
    rows = text.int("ngram_vocab_size_ratio", minimum=1) * source.vocab_size
    name, width = f"{source.prefix}model.ngram_embeddings", hidden // tables
    return (
        Embedding(f"{name}.oe_embedder", sum(rows + 2 * index + 1 for index in range(tables)), width),
        Tensor(f"{name}.oe_projection", tables, width * hidden),
        Buffer(
            f"{name}.ne_weights, ne_mods, exclusive_sizes", tables * (longest + 1) + tables + 1, _INT32_BYTES
        ),
    )
