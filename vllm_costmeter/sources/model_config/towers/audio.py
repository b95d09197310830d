"""Audio towers beside a language model: Qwen2-Audio and Qwen2.5-Omni (modules of transformers, whole on every rank),
Qwen3-Omni and Qwen3-ASR (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import split_attention
from vllm_costmeter.sources.model_config.towers.qwen_vl import qwen2_5_vl, qwen3_vl

_KERNEL = 3  # of every convolution

_DOWNSAMPLED = 3  # convolutions of Qwen3-Omni, each halving the mel bins


def qwen2_audio(source: Source) -> tuple[Part, ...]:
    """Whisper's encoder and one projection."""
    audio = audio_section(source.root)
    width = audio.int("d_model", minimum=1)
    return (
        *qwen2_audio_encoder(audio),
        replicated("multi_modal_projector.linear", width, source.hidden_size, bias=True, quantized=False),
    )


def qwen2_5_omni(source: Source) -> tuple[Part, ...]:
    """The thinker's two towers: it alone is served."""
    thinker = source.root.optional_section("thinker_config") or source.root
    audio = audio_section(thinker)
    width, out = audio.int("d_model", minimum=1), audio.int("output_dim", minimum=1)
    positions = audio.int("max_source_positions", minimum=1)
    return (
        *whisper_encoder(audio),
        Tensor("audio_tower.audio_bos_eos_token", 2, out),
        replicated("audio_tower.proj", width, out, bias=True, quantized=False),
        Buffer("audio_tower.positional_embedding", positions * width, FLOAT32_BYTES),
        *qwen2_5_vl(replace(source, root=thinker)),
    )


def qwen3_omni(source: Source) -> tuple[Part, ...]:
    """The thinker's two towers; the audio tower's layers are divided by heads, as the vision tower's."""
    thinker = source.root.optional_section("thinker_config") or source.root
    return (*qwen3_asr(source), *qwen3_vl(replace(source, root=thinker)))


def qwen3_asr(source: Source) -> tuple[Part, ...]:
    """Qwen3-ASR hears with Qwen3-Omni's audio tower alone."""
    audio = audio_section(source.root.optional_section("thinker_config") or source.root)
    width, out = audio.int("d_model", minimum=1), audio.int("output_dim", minimum=1)
    heads, depth = (
        audio.int("encoder_attention_heads", minimum=1),
        audio.int("encoder_layers", minimum=1, maximum=MAX_LAYERS),
    )
    channels = audio.int("downsample_hidden_size", minimum=1)
    rows = audio.int("num_mel_bins", minimum=1)
    for _ in range(_DOWNSAMPLED):
        rows = (rows + 1) // 2
    taps = _KERNEL**2 * channels
    block = (
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads),
        column("fc1", width, audio.int("encoder_ffn_dim", minimum=1), bias=True),
        row("fc2", audio.int("encoder_ffn_dim", minimum=1), width, bias=True),
        *norms(width, "self_attn_layer_norm", "final_layer_norm", bias=True),
    )
    return (
        Tensor(
            "audio_tower.convolutions", taps + (_DOWNSAMPLED - 1) * taps * channels + _DOWNSAMPLED * channels
        ),
        Tensor("audio_tower.conv_out", width, channels * rows),
        *norms(width, "audio_tower.ln_post", bias=True),
        replicated("audio_tower.proj1", width, width, bias=True, quantized=False),
        replicated("audio_tower.proj2", width, out, bias=True, quantized=False),
        Buffer(
            "audio_tower.positional_embedding",
            audio.int("max_source_positions", minimum=1) * width,
            FLOAT32_BYTES,
        ),
        Repeated("audio_tower.layers", block, depth),
    )


def qwen2_audio_encoder(audio: ConfigReader) -> tuple[Part, ...]:
    positions = audio.int("max_source_positions", minimum=1)
    return (
        *whisper_encoder(audio),
        Tensor("audio_tower.embed_positions", positions, audio.int("d_model", minimum=1)),
    )


def audio_section(root: ConfigReader) -> ConfigReader:
    section = root.optional_section("audio_config")
    if section is None:
        raise NotUnderstoodError(f"{root.name}: audio_config is missing, so the tower has no size")
    return section


def whisper_encoder(audio: ConfigReader, name: str = "audio_tower") -> tuple[Part, ...]:
    """Two convolutions, layers whose keys have no bias, a norm."""
    width, inner = audio.int("d_model", minimum=1), audio.int("encoder_ffn_dim", minimum=1)
    bins = audio.int("num_mel_bins", minimum=1)
    convolutions = width * (_KERNEL * (bins + width) + 2)
    mixer = 4 * width * width + 3 * width
    layer = mixer + 2 * width * inner + inner + width + 4 * width
    depth = audio.int("encoder_layers", minimum=1, maximum=MAX_LAYERS)
    return (Tensor(name, convolutions + depth * layer + 2 * width),)
