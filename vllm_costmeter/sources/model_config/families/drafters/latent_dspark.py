"""DSpark drafters of Kimi K3, DeepSeek V4 and V4.1: layers of latent attention that read the target's hidden states
through one projection (vLLM 0.28 to 0.33, models/kimi_k3/nvidia/dspark_mla.py, nvidia/dspark.py of models/deepseek_v4
and deepseek_v41). Embedding and head are the target's."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import VOCABULARY_PADDING, Buffer, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import TWO_NORMS, gated_mlp, norms, replicated
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.mla.deepseek import latent_attention
from vllm_costmeter.sources.model_config.families.mla.deepseek_v4 import lane_mix, window_layer
from vllm_costmeter.sources.model_config.families.mla.deepseek_v41 import window_layer as v41_window_layer
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_LAYERS = 3  # DSparkDeepseekV4Model, where the file does not say


def kimi_dspark(source: Source) -> Weights:
    """It reads `num_target_layers` hidden states of `target_hidden_size`, and projects all layers' latents together."""
    text, hidden = source.text, source.hidden_size
    rope = text.int("qk_rope_head_dim", minimum=1)
    table = rotary_table(rope, source.max_position, rope_parameters(text), element_bytes=FLOAT32_BYTES)
    seen = text.int("target_hidden_size", default=hidden, minimum=1) * text.int(
        "num_target_layers", minimum=1
    )
    layer = layer_of(
        *latent_attention(source, table),
        Buffer("self_attn._one_scale", 1, FLOAT32_BYTES),
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, *TWO_NORMS),
    )
    count = source.num_layers
    width = text.int("kv_lora_rank", minimum=1) + rope
    return Weights(
        layers=(layer,) * count,
        layer_prefix="model.layers.{}.",
        first=(replicated("model.context_proj", seen, hidden),),
        last=(
            *norms(hidden, "model.context_norm", "model.final_norm"),
            replicated("model.context_kv_proj", hidden, *(width,) * count),
            *_heads(source, "markov_rank", sure=_has_confidence(source)),
        ),
    )


def deepseek_v4_dspark(source: Source) -> Weights:
    """DeepSeek V4's layers with a window alone, `n_mtp_layers` of them, which the target's own checkpoint holds."""
    text, hidden = source.text, source.hidden_size
    listed = text.optional_list("dspark_target_layer_ids")
    if not listed:
        raise NotUnderstoodError(
            f"{text.name}: a DSpark drafter without dspark_target_layer_ids is not known"
        )
    count = text.int("n_mtp_layers", default=0, maximum=64) or _LAYERS
    size = text.int("head_dim", minimum=1)
    layer = window_layer(source)
    parts = tuple(part for part in layer.parts if not (isinstance(part, Buffer) and part.shared))
    return Weights(
        layers=(replace(layer, parts=parts),) * count,  # their rotary table is the target's
        layer_prefix="model.layers.{}.",
        first_layer=source.num_layers,
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            replicated("model.main_proj", len(listed) * hidden, hidden),
        ),
        last=(
            *norms(hidden, "model.main_norm", "model.norm"),
            replicated("model.context_wkv_proj", hidden, *(size,) * count),
            lane_mix(source, "model.hc_head"),
            Embedding("lm_head", source.vocab_size, hidden, quantized=True),
            *_heads(
                source,
                "dspark_markov_rank",
                sure=text.bool("enable_confidence_head", default=True),
                reads=True,
            ),
        ),
    )


def deepseek_v41_dspark(source: Source) -> Weights:
    """DeepSeek V4.1's, with experts of their own number and lanes that end without a mix of their own."""
    text, hidden = source.text, source.hidden_size
    listed = text.optional_list("dspark_target_layer_ids")
    if not listed:
        raise NotUnderstoodError(
            f"{text.name}: a DSpark drafter without dspark_target_layer_ids is not known"
        )
    count = text.int("n_mtp_layers", default=0, maximum=64)
    count = count or text.int("num_nextn_predict_layers", default=0, maximum=64) or _LAYERS
    layer = v41_window_layer(source)
    parts = tuple(part for part in layer.parts if not (isinstance(part, Buffer) and part.shared))
    sure = text.bool("enable_confidence_head", default=True)
    return Weights(
        layers=(replace(layer, parts=parts),) * count,  # their rotary table is the target's
        layer_prefix="model.layers.{}.",
        first_layer=source.num_layers,
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            replicated("model.main_proj", len(listed) * hidden, hidden),
        ),
        last=(
            *norms(hidden, "model.main_norm", "model.norm"),
            Embedding("lm_head", source.vocab_size, hidden, quantized=True),
            *_heads(source, "dspark_markov_rank", sure=sure, reads=True),
        ),
    )


def _has_confidence(source: Source) -> bool:
    return source.text.bool("enable_confidence_head", default=False)


def _heads(source: Source, key: str, *, sure: bool, reads: bool | None = None) -> tuple[Part, ...]:
    """A Markov head over the vocabulary, whole on every rank and never quantized, and one that tells how sure it is;
    `reads`: whether this one sees the Markov head's state, None: as the file says. With a bias where the file says."""
    text, hidden = source.text, source.hidden_size
    rank = text.int(key, minimum=1)
    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    padded = -(-vocab // VOCABULARY_PADDING) * VOCABULARY_PADDING
    parts: list[Part] = [
        Tensor("model.markov_head.markov_w1", source.vocab_size, rank),
        Tensor("model.markov_head.markov_w2", padded, rank),
    ]
    if sure:
        seen = text.bool("confidence_head_with_markov", default=False) if reads is None else reads
        width = hidden + (rank if seen else 0) + (reads is None)
        parts.append(Tensor("model.confidence_head.proj", width, element_bytes=FLOAT32_BYTES))
    return tuple(parts)
