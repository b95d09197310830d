"""Cohere Transcribe: a conformer, and a decoder with cross attention (vLLM 0.32, cohere_asr.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.attention import CrossAttention, FullAttention
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Embedding, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import column, mlp, norms, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import Block, layer_of
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.conformers import cohere_asr as conformer


def cohere_asr(source: Source) -> Weights:
    """The sizes stand in sections of the checkpoint's own: transf_decoder.config_dict and head."""
    decoder = _section(_section(source.root, "transf_decoder"), "config_dict")
    width = decoder.int("hidden_size", minimum=1)
    vocab = _section(source.root, "head").int("num_classes", minimum=1)
    positions = decoder.int("max_sequence_length", minimum=1)
    layer = layer_of(*_decoder_layer(decoder, width))
    return Weights(
        layers=(layer,) * decoder.int("num_layers", minimum=1, maximum=MAX_LAYERS),
        layer_prefix="model.decoder.layers.{}.",
        first=(
            Tensor("model.decoder.embedding.token_embedding", vocab * width),
            Buffer("model.decoder.embedding.position_embedding", positions * width),
            *norms(width, "model.decoder.embedding.layer_norm", bias=True),
        ),
        last=(
            *norms(width, "model.decoder.final_layer_norm", bias=True),
            Embedding("proj_out", vocab, width, bias=True, quantized=True),
        ),
    )


def _decoder_layer(decoder: ConfigReader, width: int) -> Block:
    heads = decoder.int("num_attention_heads", minimum=1)
    size = width // heads
    own, cross = "first_sub_layer", "second_sub_layer"
    return (
        Linear(f"{own}.qkv_proj", width, (Output(heads, size),) * 3, "column", bias=True),
        row(f"{own}.out_projection", width, width, bias=True),
        AttentionScales(f"{own}.attn"),
        FullAttention(heads, size),
        column(f"{cross}.q_proj", width, width, bias=True),
        Linear(f"{cross}.kv_proj", width, (Output(heads, size),) * 2, "column", bias=True),
        row(f"{cross}.out_projection", width, width, bias=True),
        AttentionScales(f"{cross}.attn"),
        CrossAttention(heads, size),
        *mlp(
            "third_sub_layer",
            width,
            decoder.int("inner_size", minimum=1),
            bias=True,
            names=("dense_in", "dense_out"),
        ),
        *norms(width, "layer_norm_1", "layer_norm_2", "layer_norm_3", bias=True),
    )


def _tower(source: Source) -> tuple[Part, ...]:
    decoder = _section(_section(source.root, "transf_decoder"), "config_dict")
    return conformer(_section(source.root, "encoder"), decoder.int("hidden_size", minimum=1))


def _text(root: ConfigReader) -> ConfigReader:
    """The file as it stands, with the decoder's sizes under the names of other files."""
    decoder = _section(_section(root, "transf_decoder"), "config_dict")
    names = {
        "hidden_size": "hidden_size",
        "inner_size": "intermediate_size",
        "num_layers": "num_hidden_layers",
        "num_attention_heads": "num_attention_heads",
    }
    sizes = {renamed: decoder.raw(name) for name, renamed in names.items()}
    sizes["vocab_size"] = _section(root, "head").raw("num_classes")
    return ConfigReader({**root.values, **sizes}, root.name, root.path, root.defaults)


def _section(reader: ConfigReader, key: str) -> ConfigReader:
    section = reader.optional_section(key)
    if section is None:
        raise NotUnderstoodError(f"{reader.name}: {reader.path}{key} is missing, so the model has no size")
    return section


COHERE_ASR = Family(
    cohere_asr, _tower, inputs=("audio",), text=_text, is_encoder_decoder=True, is_pipelined=False
)
