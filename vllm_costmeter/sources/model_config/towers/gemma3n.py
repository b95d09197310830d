"""What Gemma 3n sees and hears with: MobileNet-V5 as the timm package builds it, a conformer, and an embedder for each
(vLLM 0.32, gemma3n_mm.py; transformers 5.19, modeling_gemma3n.py, whose defaults these are). Towers are whole on every
rank, embedders divided; neither is ever quantized."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Embedding, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.audio import audio_section
from vllm_costmeter.sources.model_config.towers.parts import vision_section

_TOWER = "mobilenetv5_300m_enc"
_TOWER_VALUES = 294_126_912  # parameters of timm 1.0.31's model, which has no buffers, counted 2026-11
_CLIPS = 5  # scalars of a block that bound its activations
_CHANNELS, _KERNELS, _STRIDES = (128, 32), ((3, 3), (3, 3)), ((2, 2), (2, 2))
_PADDING = 2  # of the mel bins, before each convolution


def gemma3n(source: Source) -> tuple[Part, ...]:
    vision, audio = vision_section(source), audio_section(source.root)
    tower = vision.optional_str("architecture") or _TOWER
    if tower != _TOWER or vision.raw("model_args") is not None:
        raise NotUnderstoodError(f"{vision.name}: a vision tower other than timm's {_TOWER} is not known")
    return (
        Tensor("vision_tower.timm_model", _TOWER_VALUES),
        *_embedder("embed_vision", vision, source, vision.int("hidden_size", default=2048, minimum=1)),
        *_conformer(audio),
        *_embedder("embed_audio", audio, source, audio.int("hidden_size", default=1536, minimum=1)),
    )


def _embedder(name: str, section: ConfigReader, source: Source, width: int) -> tuple[Part, ...]:
    return (
        Embedding(f"{name}.embedding", section.int("vocab_size", default=128, minimum=1), width),
        *norms(width, f"{name}.hard_embedding_norm", f"{name}.soft_embedding_norm"),
        row(f"{name}.embedding_projection", width, source.hidden_size),
    )


def _conformer(audio: ConfigReader) -> tuple[Part, ...]:
    width = audio.int("hidden_size", default=1536, minimum=1)
    heads = audio.int("conf_num_attention_heads", default=8, minimum=1)
    chunk = audio.int("conf_attention_chunk_size", default=12, minimum=1)
    seen = audio.int("conf_attention_context_left", default=13) - 1
    context = chunk + max(0, seen) + audio.int("conf_attention_context_right", default=0)
    taps = audio.int("conf_conv_kernel_size", default=5, minimum=1)
    square = width * width
    block: tuple[Part, ...] = (
        Tensor("feed_forwards", 2 * 2 * 4 * square),
        Tensor("attention", 5 * square + width // heads),
        Tensor("lconv1d", 3 * square + width * taps),
        *norms(
            width,
            *(f"{part}.{norm}" for part in ("ffw_layer_start", "ffw_layer_end") for norm in ("pre", "post")),
            "attention.pre_attn_norm",
            "attention.post_norm",
            "lconv1d.pre_layer_norm",
            "lconv1d.conv_norm",
            "norm",
        ),
        Buffer("clips_and_q_scale", _CLIPS + 1),
        Buffer("attention.attn.softcap", 1, FLOAT32_BYTES),
        Buffer("attention.attn.local_causal_valid_mask", chunk * context, 1),
        Buffer("attention.attn.relative_position_embedding.inv_timescales", width // 2, FLOAT32_BYTES),
    )
    depth = audio.int("conf_num_hidden_layers", default=12, minimum=1, maximum=MAX_LAYERS)
    return (*_subsampling(audio, width), Repeated("audio_tower.conformer", block, depth))


def _subsampling(audio: ConfigReader, width: int) -> tuple[Part, ...]:
    """Two convolutions over time and mel bins, each with a norm over its channels."""
    channels = _sizes(audio, "sscp_conv_channel_size", _CHANNELS)
    kernels = [_sizes(audio, "sscp_conv_kernel_size", pair, at) for at, pair in enumerate(_KERNELS)]
    strides = [_sizes(audio, "sscp_conv_stride_size", pair, at) for at, pair in enumerate(_STRIDES)]
    bins, values = audio.int("input_feat_size", default=128, minimum=1), 0
    for inputs, outputs, kernel, stride in zip((1, channels[0]), channels, kernels, strides, strict=True):
        values += outputs * (inputs * kernel[0] * kernel[1] + 1)
        bins = (bins + _PADDING - kernel[1]) // stride[1] + 1
    name = "audio_tower.subsample_conv_projection"
    return (
        Tensor(f"{name}.convolutions", values),
        replicated(f"{name}.input_proj_linear", channels[1] * bins, width, quantized=False),
    )


def _sizes(audio: ConfigReader, key: str, default: tuple[int, int], at: int | None = None) -> tuple[int, int]:
    """A pair of sizes, or the pair that stands at one place of a list of pairs."""
    stated = audio.optional_list(key)
    if stated is None:
        return default
    pair = stated if at is None else stated[at] if at < len(stated) else None
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(n, int) and n > 0 for n in pair):
        raise NotUnderstoodError(f"{audio.name}: {audio.path}{key} is no pair of sizes")
    return pair[0], pair[1]
