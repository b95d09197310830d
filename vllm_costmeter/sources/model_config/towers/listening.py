"""Towers of models that transcribe or talk: GLM-ASR, Kimi-Audio, Fun-Audio-Chat, MOSS (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import QKV, column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.encoders.whisper import whisper_encoder
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.audio import audio_section
from vllm_costmeter.sources.model_config.towers.parts import plain, split_attention, two_layers

_KERNEL = 3  # of every convolution
_WHISPER_LARGE_V3 = {  # config.json of openai/whisper-large-v3 (2023-11), which Kimi-Audio ships unchanged
    "d_model": 1280,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "encoder_layers": 32,
    "max_source_positions": 1500,
    "num_mel_bins": 128,
}


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


def moss_transcribe(source: Source) -> tuple[Part, ...]:
    """Whisper's encoder, and two matrices and a norm over joined frames."""
    root, hidden = source.root, source.hidden_size
    audio = audio_section(root)
    joined = audio.int("d_model", minimum=1) * root.int("audio_merge_size", default=4, minimum=1)
    width = root.int("adaptor_input_dim", default=joined, minimum=1)
    return (
        *whisper_encoder(audio, "whisper_encoder", is_pipelined=True),
        *_adaptor("vq_adaptor.layers", width, hidden),
    )


def kimi_audio(source: Source) -> tuple[Part, ...]:
    """Whisper large v3's encoder, whose configuration is a file of its own that vLLM looks for in the checkpoint's
    folder of that name; and two matrices and a norm over four joined frames."""
    audio = ConfigReader(_WHISPER_LARGE_V3, source.root.name, "whisper-large-v3.")
    width = source.root.int("kimia_adaptor_input_dim", default=5120, minimum=1)
    return (
        *whisper_encoder(audio, "audio_tower", is_pipelined=True),
        *_adaptor("multi_modal_projector.vq_adaptor_layers", width, source.hidden_size),
    )


def _adaptor(name: str, width: int, hidden: int) -> tuple[Part, ...]:
    """Two matrices and a norm, whole on every rank."""
    return (
        replicated(f"{name}.0", width, hidden, bias=True, quantized=False),
        replicated(f"{name}.2", hidden, hidden, bias=True, quantized=False),
        *norms(hidden, f"{name}.3", bias=True),
    )


def fun_audio_chat(source: Source) -> tuple[Part, ...]:
    """Two towers: one for sound, whose attention alone is divided, one for the tokens of a speech tokenizer."""
    audio = audio_section(source.root)
    width, heads = audio.int("d_model", minimum=1), audio.int("encoder_attention_heads", minimum=1)
    inner, out = audio.int("encoder_ffn_dim", minimum=1), audio.int("output_dim", minimum=1)
    name = "continuous_audio_tower"
    block: tuple[Part, ...] = (
        *plain(*split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads)),
        Tensor("fc1, fc2", 2 * width * inner + inner + width),
        *norms(width, "self_attn_layer_norm", "final_layer_norm", bias=True),
    )
    positions = audio.int("max_source_positions", minimum=1)
    return (
        convolutions(name, audio.int("num_mel_bins", minimum=1), width),
        Repeated(f"{name}.layers", block, audio.int("encoder_layers", minimum=1, maximum=MAX_LAYERS)),
        *norms(width, f"{name}.ln_post", bias=True),
        Tensor(f"{name}.proj", out, width + 1),
        Tensor(f"{name}.audio_bos_eos_token", 2, out),
        Buffer(f"{name}.positional_embedding", positions * width, FLOAT32_BYTES),
        Tensor("audio_tower.embed_tokens", audio.int("codebook_size", minimum=1), out),
        Tensor("audio_tower.matchings", 2 * out, out),
    )


def moss_audio(source: Source) -> tuple[Part, ...]:
    """Three convolutions over mel bins, divided layers, and a gated adapter for the output and for each of the layers
    whose states go deep into the language model. Defaults are of vLLM's MossAudioEncoderConfig."""
    audio = source.root.optional_section("audio_config") or ConfigReader(
        {}, source.root.name, "audio_config."
    )
    width = audio.int("d_model", default=1280, minimum=1)
    out = audio.int("output_dim", default=1280, minimum=1)
    channels = audio.int("downsample_hidden_size", default=480, minimum=1)
    inner = audio.int("encoder_ffn_dim", default=5120, minimum=1)
    rows = audio.int("num_mel_bins", default=128, minimum=1)
    for _ in range(_KERNEL):
        rows = (rows + 1) // 2
    name, taps = "audio_encoder", _KERNEL**2 * channels
    block: tuple[Part, ...] = (
        column("self_attn.q_proj", width, width, bias=True),
        column("self_attn.k_proj", width, width),
        column("self_attn.v_proj", width, width, bias=True),
        row("self_attn.out_proj", width, width, bias=True),
        column("fc1", width, inner, bias=True),
        row("fc2", inner, width, bias=True),
        *norms(width, "self_attn_layer_norm", "final_layer_norm", bias=True),
    )
    layers = audio.optional_list("deepstack_encoder_layer_indexes")
    deep = 3 if layers is None else len(layers)
    deep = min(deep, source.root.int("deepstack_num_inject_layers", default=deep))
    between = source.root.int("adapter_hidden_size", default=8192, minimum=1)
    adapter = (column("gate_up_proj", out, between, between), row("down_proj", between, source.hidden_size))
    return (
        Tensor(f"{name}.convolutions", taps * (1 + 2 * channels) + 3 * channels),
        replicated(f"{name}.stem_proj", channels * rows, width, bias=True),
        Buffer(f"{name}.embed_positions", width // 2, FLOAT32_BYTES),
        Repeated(
            f"{name}.layers", block, audio.int("encoder_layers", default=32, minimum=1, maximum=MAX_LAYERS)
        ),
        *norms(width, f"{name}.layer_norm", bias=True),
        *((replicated(f"{name}.out_proj", width, out),) if out != width else ()),
        Repeated("audio_adapter", adapter, 1 + deep),
    )
