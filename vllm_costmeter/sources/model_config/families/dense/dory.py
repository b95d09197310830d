"""Dory: layers of attention or of an MLP alone, some run in a loop (vLLM 0.33, dory.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import Cache
from vllm_costmeter.core.model.parts import AttentionScales, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, column, gated_mlp
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_LARGEST_LOOPS = 64  # the class's own default is 1; more is a corrupt file


def _dory(source: Source) -> Weights:
    """The layers between `n_input_layers` and `n_output_layers` run `n_recurrent_loops` times, and keep as many caches
    unless the last run's replaces the others (`recurrent_kv_cache_mode`)."""
    text, count = source.text, source.num_layers
    first = text.int("n_input_layers", default=0)
    looped = text.int("n_recurrent_layers", default=count - first - text.int("n_output_layers", default=0))
    mode = text.optional_str("recurrent_kv_cache_mode") or "per_loop"
    loops = text.int("n_recurrent_loops", default=1, minimum=1, maximum=_LARGEST_LOOPS)
    caches = loops if mode == "per_loop" else 1

    def layer(kind: tuple[str, int]) -> Layer:
        if kind[0] == "mlp":
            return _mlp(source)
        return _attention(source, *kind)

    kinds = [
        (kind, caches if first <= index < first + looped else 1)
        for index, kind in enumerate(_layer_types(source, count))
    ]
    # one GPU alone: vLLM refuses tensor parallelism, as what counts 1 here does
    scale = Tensor("lm_head.logit_scale", 1, source.vocab_size, split=True)
    return language_model(
        source,
        each_kind(kinds, layer),
        tied=False,
        embedding="backbone.embeddings",
        layer_prefix="backbone.layers.{}.",
        final_norm=(scale,),
    )


def _layer_types(source: Source, count: int) -> tuple[str, ...]:
    """`layer_types`; without a list, MLPs between windows, and full attention in every eighth layer."""
    if source.text.has("layer_types"):
        kinds = layer_types(source.text, count)
    else:
        kinds = tuple(
            "mlp" if index % 2 else "full_attention" if index % 8 == 6 else "sliding_attention"
            for index in range(count)
        )
    unknown = set(kinds) - {"mlp", "full_attention", "sliding_attention"}
    if unknown:
        raise BadInputError(
            f"{source.text.name}: {source.text.path}layer_types holds {sorted(unknown)}; known: mlp, "
            "full_attention, sliding_attention"
        )
    return kinds


def _attention(source: Source, kind: str, caches: int) -> Layer:
    hidden, size = source.hidden_size, source.head_size()
    inner = source.num_heads * size
    window = (
        source.text.int("sliding_window", default=1024, minimum=1) if kind == "sliding_attention" else None
    )
    parts = attention(
        source,
        "mixer",
        rotary_table(size, source.max_position, rope_parameters(source.text, kind)),
        window=window,
    )
    own = tuple(part for part in parts if isinstance(part, Cache | AttentionScales))
    norms: tuple[Part, ...] = (
        Tensor("mixer.sqk", inner),
        Tensor("mixer.s_gate", inner),
        Tensor("attn_alpha", hidden),
    )
    return layer_of(*parts, column("mixer.g_proj", hidden, inner), *norms, *own * (caches - 1))


def _mlp(source: Source) -> Layer:
    width = source.intermediate_size
    return layer_of(
        *gated_mlp("mixer", source.hidden_size, width),
        Tensor("mixer.suv_gate", width),
        Tensor("mixer.suv_up", width),
        Tensor("mlp_alpha", source.hidden_size),
    )


DORY = Family(_dory, is_pipelined=False)
