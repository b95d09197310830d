"""Audio towers beside a language model: Qwen2-Audio and Qwen2.5-Omni (vLLM 0.32, modules of transformers, whole on
every rank)."""

from __future__ import annotations

from dataclasses import replace

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.quantisation.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import replicated
from vllm_costmeter.sources.model_config.architectures.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.architectures.vision_towers import qwen2_5_vl
from vllm_costmeter.sources.model_config.reader import ConfigReader

_KERNEL = 3  # both convolutions


def qwen2_audio(source: Source) -> tuple[Part, ...]:
    """Whisper's encoder and one projection."""
    audio = _section(source.root)
    width = audio.int("d_model", minimum=1)
    return (
        *_encoder(audio),
        Tensor("audio_tower.embed_positions", audio.int("max_source_positions", minimum=1), width),
        replicated("multi_modal_projector.linear", width, source.hidden_size, bias=True, quantised=False),
    )


def qwen2_5_omni(source: Source) -> tuple[Part, ...]:
    """The thinker's two towers: it alone is served."""
    thinker = source.root.optional_section("thinker_config") or source.root
    audio = _section(thinker)
    width, out = audio.int("d_model", minimum=1), audio.int("output_dim", minimum=1)
    positions = audio.int("max_source_positions", minimum=1)
    return (
        *_encoder(audio),
        Tensor("audio_tower.audio_bos_eos_token", 2, out),
        replicated("audio_tower.proj", width, out, bias=True, quantised=False),
        Buffer("audio_tower.positional_embedding", positions * width, FLOAT32_BYTES),
        *qwen2_5_vl(replace(source, root=thinker)),
    )


def _section(root: ConfigReader) -> ConfigReader:
    section = root.optional_section("audio_config")
    if section is None:
        raise NotUnderstoodError(f"{root.name}: audio_config is missing, so the tower has no size")
    return section


def _encoder(audio: ConfigReader) -> tuple[Part, ...]:
    """Two convolutions, layers whose keys have no bias, a norm."""
    width, inner = audio.int("d_model", minimum=1), audio.int("encoder_ffn_dim", minimum=1)
    bins = audio.int("num_mel_bins", minimum=1)
    convolutions = width * (_KERNEL * (bins + width) + 2)
    mixer = 4 * width * width + 3 * width
    layer = mixer + 2 * width * inner + inner + width + 4 * width
    depth = audio.int("encoder_layers", minimum=1, maximum=MAX_LAYERS)
    return (Tensor("audio_tower", convolutions + depth * layer + 2 * width),)
