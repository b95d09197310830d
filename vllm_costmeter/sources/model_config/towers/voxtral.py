"""Voxtral's audio encoders, read from Mistral's params.json (vLLM 0.32, voxtral.py and whisper_causal.py): vLLM cuts
both into pipeline ranks."""

from __future__ import annotations

from vllm_costmeter.core.model.attention import LayerCaches, SlidingWindow
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    QKV,
    gated_mlp,
    norms,
    replicated,
    row,
)
from vllm_costmeter.sources.model_config.families.encoders.whisper import whisper_encoder
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rotary_table
from vllm_costmeter.sources.model_config.towers.audio import audio_section
from vllm_costmeter.sources.model_config.towers.listening import convolutions

_NAME = "whisper_encoder.whisper_encoder"


def voxtral(source: Source) -> tuple[Part, ...]:
    """Whisper's encoder, its positions in float32."""
    audio = audio_section(source.root)
    encoder = whisper_encoder(audio, _NAME, is_pipelined=True, position_bytes=FLOAT32_BYTES)
    return (*encoder, *_around(source, audio))


def voxtral_realtime(source: Source) -> tuple[Part, ...]:
    """An encoder that hears as sound comes in: rotated positions, gated MLPs, and a cache of its own."""
    audio = audio_section(source.root)
    width, heads, size = _sizes(audio)
    positions = audio.int("max_position_embeddings", minimum=1)
    rope = RopeParameters("default", None, None, 1.0, False, "whisper_causal")
    gate_up, down = gated_mlp("mlp", width, audio.int("encoder_ffn_dim", minimum=1))
    block = (
        Linear("self_attn.qkv_proj", width, (Output(heads, size),) * 3, "column", bias=True, fused_from=QKV),
        row("self_attn.out_proj", heads * size, width, bias=True),
        AttentionScales("self_attn.attn"),
        gate_up,
        down,
        Tensor("mlp.down_proj.bias", width),
        *norms(width, "self_attn_layer_norm", "final_layer_norm"),
    )
    return (
        convolutions(_NAME, audio.int("num_mel_bins", minimum=1), width),
        Repeated(f"{_NAME}.layers", block, _depth(audio), is_pipelined=True),
        rotary_table(size, positions, rope),
        *norms(width, f"{_NAME}.layer_norm"),
        *_around(source, audio),
        Buffer("time_embedding", source.hidden_size // 2, FLOAT32_BYTES),
    )


def realtime_caches(source: Source) -> tuple[LayerCaches, ...]:
    audio = audio_section(source.root)
    _, heads, size = _sizes(audio)
    pooled = audio.int("block_pool_size", minimum=1)
    window = audio.int("sliding_window", minimum=1)
    return ((SlidingWindow(heads, size, window, pooled_tokens=pooled),),) * _depth(audio)


def _around(source: Source, audio: ConfigReader) -> tuple[Part, ...]:
    """The mel filters, and an adapter of two matrices over joined frames."""
    joined = audio.int("d_model", minimum=1) * audio.int("downsample_factor", minimum=1)
    frequencies = 1 + audio.int("window_size", minimum=1) // 2
    filters = frequencies * audio.int("num_mel_bins", minimum=1)
    hidden, name = source.hidden_size, "audio_language_adapter"
    return (
        Buffer("whisper_encoder.mel_filters", filters, FLOAT32_BYTES),
        replicated(f"{name}.w_in", joined, hidden, quantized=False),
        replicated(f"{name}.w_out", hidden, hidden, quantized=False),
    )


def _sizes(audio: ConfigReader) -> tuple[int, int, int]:
    """Width, heads and the size of a head."""
    return (
        audio.int("d_model", minimum=1),
        audio.int("encoder_attention_heads", minimum=1),
        audio.int("encoder_head_dim", minimum=1),
    )


def _depth(audio: ConfigReader) -> int:
    return audio.int("encoder_layers", minimum=1, maximum=MAX_LAYERS)
