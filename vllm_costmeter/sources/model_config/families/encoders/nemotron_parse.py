"""Nemotron Parse: RADIO behind a neck, and MBart's decoder without positions (vLLM 0.32, nemotron_parse.py; 3.5 of vLLM
0.33, nemotron_parse3_5.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.attention import CrossAttention, FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Embedding, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import QKV, column, norms, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, layer_of
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.radio import radio

_NECK = 1024  # widths of the first neck, fixed in vLLM: its own, of patches, of summaries
_SPATIAL, _SUMMARY = 1280, 3840


def nemotron_parse(source: Source) -> Weights:
    """The picture is read by cross attention."""
    decoder = source.text
    heads = decoder.int("decoder_attention_heads", minimum=1)
    inner = decoder.int("encoder_ffn_dim", minimum=1)  # vLLM's layer takes the encoder's
    return _decoder(source, heads, inner, sees_across=True)


def nemotron_parse3_5(source: Source) -> Weights:
    """The picture stands before the text; keys and values may have fewer heads."""
    decoder = source.text
    heads = decoder.int("decoder_attention_heads", minimum=1)
    kv_heads = decoder.int("self_attention_kv_heads", default=heads, minimum=1)
    return _decoder(source, kv_heads, decoder.int("decoder_ffn_dim", minimum=1), sees_across=False)


def _decoder(source: Source, kv_heads: int, inner: int, *, sees_across: bool) -> Weights:
    decoder, width, vocab = source.text, source.hidden_size, source.vocab_size
    heads = decoder.int("decoder_attention_heads", minimum=1)
    layer = layer_of(
        *_attends(width, heads, kv_heads),
        *(_crosses(width, heads) if sees_across else ()),
        column("fc1", width, inner, bias=True),
        row("fc2", inner, width, bias=True),
        *norms(width, "self_attn_layer_norm", "final_layer_norm", bias=True),
    )
    tied = source.root.bool("tie_word_embeddings", default=False) or decoder.bool(
        "tie_word_embeddings", default=False
    )
    head = (Embedding("lm_head", vocab, width, quantized=True),)
    return Weights(
        layers=(layer,) * decoder.int("decoder_layers", minimum=1, maximum=MAX_LAYERS),
        layer_prefix="decoder.layers.{}.",
        first=(Embedding("decoder.embed_tokens", vocab, width),),
        last=(
            *norms(width, "decoder.layernorm_embedding", "decoder.layer_norm", bias=True),
            *(() if tied else head),
        ),
        is_tied=tied,
    )


def _attends(width: int, heads: int, kv_heads: int) -> Block:
    size, name = width // heads, "self_attn"
    shares = (
        Output(heads, size),
        Output(kv_heads, size, replicated=True),
        Output(kv_heads, size, replicated=True),
    )
    return (
        Linear(f"{name}.qkv_proj", width, shares, "column", bias=True, fused_from=QKV),
        row(f"{name}.out_proj", width, width, bias=True),
        AttentionScales(f"{name}.attn"),
        FullAttention(kv_heads, size),
    )


def _crosses(width: int, heads: int) -> Block:
    size, name = width // heads, "encoder_attn"
    return (
        column(f"{name}.q_proj", width, width, bias=True),
        Linear(f"{name}.kv_proj", width, (Output(heads, size),) * 2, "column", bias=True),
        row(f"{name}.out_proj", width, width, bias=True),
        AttentionScales(f"{name}.attn"),
        CrossAttention(heads, size),
        *norms(width, "encoder_attn_layer_norm", bias=True),
    )


def _tower(source: Source) -> tuple[Part, ...]:
    return (*_radio(source), *_neck(_NECK, _SPATIAL, _SUMMARY))


def _tower3_5(source: Source) -> tuple[Part, ...]:
    root = source.root
    spatial = root.int("vision_spatial_dim", default=_SPATIAL, minimum=1)
    summary = root.int("vision_summary_dim", default=_SUMMARY, minimum=1)
    return (*_radio(source), *_neck(source.hidden_size, spatial, summary))


def _radio(source: Source) -> tuple[Part, ...]:
    args = _section(_section(source.root, "encoder"), "args")
    return radio(args, "encoder.model_encoder", patch=args.int("patch_size", default=16, minimum=1))


def _neck(width: int, spatial: int, summary: int) -> tuple[Part, ...]:
    """Two convolutions, of which the second joins four patches of a row, and the summary's projection."""
    return (
        Tensor("encoder.conv1", width, spatial + 1),
        Tensor("encoder.conv2", 4 * width, width),
        column("encoder.sum_proj", summary, width, bias=True),
        *norms(width, "encoder.layer_norm1", "encoder.layer_norm2", "encoder.layer_norm3", bias=True),
    )


def _predicted(source: Source, target: Weights, count: int) -> Weights:
    """Version 3.5's one step: two matrices without a layer, between the model's own embedding and head."""
    width = source.hidden_size
    square = Tensor("model.extra_proj, model.extra_head", 2 * width, width + 1)
    return Weights(
        layers=(),
        layer_prefix="model.",
        first=(Embedding("model.embed_tokens", source.vocab_size, width, split=False),),
        last=(square,),
        quantization=target.quantization,
    )


def _text(root: ConfigReader) -> ConfigReader:
    return _section(root, "decoder")


def _section(reader: ConfigReader, key: str) -> ConfigReader:
    section = reader.optional_section(key)
    if section is None:
        raise NotUnderstoodError(f"{reader.name}: {reader.path}{key} is missing, so the model has no size")
    return section


NEMOTRON_PARSE = Family(nemotron_parse, _tower, text=_text, is_encoder_decoder=True, is_pipelined=False)
NEMOTRON_PARSE3_5 = Family(
    nemotron_parse3_5,
    _tower3_5,
    text=_text,
    prediction=_predicted,
    prediction_count=1,
    is_pipelined=False,
)
