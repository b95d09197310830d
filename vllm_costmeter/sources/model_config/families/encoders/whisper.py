"""Whisper: an audio encoder that every rank holds whole in layers, and a decoder with cross attention."""

from __future__ import annotations

from vllm_costmeter.core.model.attention import CrossAttention, FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import column, mlp, norms, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

_QKV = ("q_proj", "k_proj", "v_proj")

_KERNEL = 3  # both convolutions of the encoder


def whisper(source: Source) -> Weights:
    """The output head is the token embedding; positions are tables, not rotations."""
    text = source.text
    width = source.hidden_size
    heads = text.int("decoder_attention_heads", minimum=1)
    size = width // heads
    decoder = layer_of(
        *_self_attention("self_attn", width, heads, size),
        column("encoder_attn.q_proj", width, heads * size, bias=True),
        Linear("encoder_attn.kv_proj", width, (Output(heads, size),) * 2, "column", bias=True),
        row("encoder_attn.out_proj", heads * size, width, bias=True),
        AttentionScales("self_attn.attn"),
        FullAttention(heads, size),
        AttentionScales("encoder_attn.attn"),
        CrossAttention(heads, size),
        *norms(width, "self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm", bias=True),
        *mlp("mlp", width, text.int("decoder_ffn_dim", minimum=1), bias=True, names=("fc1", "fc2")),
    )
    tables = source.vocab_size + text.int("max_target_positions", minimum=1)
    return Weights(
        layers=(decoder,) * text.int("decoder_layers", minimum=1, maximum=MAX_LAYERS),
        layer_prefix="model.decoder.layers.{}.",
        first=(Tensor("model.decoder.embeddings", tables * width),),
        last=norms(width, "model.decoder.layer_norm", bias=True),
        everywhere=whisper_encoder(source.text, "model.encoder"),
    )


def whisper_encoder(
    audio: ConfigReader, name: str, *, is_pipelined: bool = False, position_bytes: int | None = None
) -> tuple[Part, ...]:
    """Two convolutions, a table of positions, and layers divided by heads; where vLLM cuts it into pipeline ranks, each
    has a share of the layers. `position_bytes`: per value of the table, where it has a dtype of its own."""
    width = audio.int("d_model", minimum=1)
    bins = audio.int("num_mel_bins", minimum=1)
    depth = audio.int("encoder_layers", minimum=1, maximum=MAX_LAYERS)
    return (
        Tensor(f"{name}.convolutions", width * (_KERNEL * (bins + width) + 2)),
        Tensor(
            f"{name}.embed_positions",
            audio.int("max_source_positions", minimum=1) * width,
            element_bytes=position_bytes,
        ),
        *norms(width, f"{name}.layer_norm", bias=True),
        Repeated(f"{name}.layers", whisper_block(audio), depth, is_pipelined),
    )


def whisper_block(audio: ConfigReader) -> tuple[Part, ...]:
    """One layer of the encoder."""
    width, heads = audio.int("d_model", minimum=1), audio.int("encoder_attention_heads", minimum=1)
    return (
        *_self_attention("self_attn", width, heads, width // heads),
        *norms(width, "self_attn_layer_norm", "final_layer_norm", bias=True),
        *mlp("mlp", width, audio.int("encoder_ffn_dim", minimum=1), bias=True, names=("fc1", "fc2")),
    )


def _self_attention(name: str, width: int, heads: int, size: int) -> tuple[Part, ...]:
    shares = (Output(heads, size),) * 3
    return (
        Linear(f"{name}.qkv_proj", width, shares, "column", bias=True, fused_from=_QKV),
        row(f"{name}.out_proj", heads * size, width, bias=True),
    )


WHISPER = Family(whisper, is_encoder_decoder=True, is_pipelined=False)
