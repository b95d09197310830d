"""Towers of models that transcribe: GLM-ASR (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import QKV, column, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.audio import audio_section
from vllm_costmeter.sources.model_config.towers.parts import two_layers

_KERNEL = 3  # of every convolution


def convolutions(name: str, bins: int, width: int) -> Tensor:
    """Whisper's two, over the mel bins and over their output."""
    return Tensor(f"{name}.convolutions", width * (_KERNEL * (bins + width) + 2))


def glm_asr(source: Source) -> tuple[Part, ...]:
    """A Whisper whose heads are grouped and rotate; four frames are joined for the projector."""
    audio, hidden = audio_section(source.root), source.hidden_size
    width, heads = audio.int("hidden_size", minimum=1), audio.int("num_attention_heads", minimum=1)
    kv_heads = audio.int("num_key_value_heads", default=heads, minimum=1)
    inner, size = audio.int("intermediate_size", minimum=1), width // heads
    rope = audio.optional_section("rope_parameters")
    partial = audio.float("partial_rotary_factor", default=0.5)
    rotated = size * (partial if rope is None else rope.float("partial_rotary_factor", default=1.0))
    name = "audio_tower"
    shares = (
        Output(heads, size),
        Output(kv_heads, size, replicated=True),
        Output(kv_heads, size, replicated=True),
    )
    block = (
        Linear("self_attn.qkv_proj", width, shares, "column", bias=True, fused_from=QKV),
        row("self_attn.o_proj", width, width, bias=True),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, "input_layernorm", "post_attention_layernorm", bias=True),
    )
    return (
        convolutions(name, audio.int("num_mel_bins", minimum=1), width),
        Repeated(f"{name}.layers", block, audio.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)),
        *norms(width, f"{name}.norm", bias=True),
        Buffer(f"{name}.rotary_emb", (int(rotated) + 1) // 2, FLOAT32_BYTES),
        column("multi_modal_projector.linear_1", inner, 2 * hidden, bias=True),
        row("multi_modal_projector.linear_2", 2 * hidden, hidden, bias=True),
    )
