"""What Phi-4 multimodal hears with: a conformer that every rank holds whole (vLLM 0.32: phi4mm_audio.py,
phi4mm_utils.py, whose defaults these are)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.speech import batch_norm

_NAME = "embed_tokens_extend"
_TAPS = 3  # a side of each subsampling convolution


def audio(source: Source) -> tuple[Part, ...]:
    """The encoder, and a projection for speech and one for speech beside images, of one matrix or two."""
    root = source.root
    processor = root.optional_section("audio_processor")
    encoder = processor.optional_section("config") if processor is not None else None
    if encoder is None:
        raise NotUnderstoodError(f"{root.name}: audio_processor.config is missing, so the tower has no size")
    embedder = _embedder(root)
    for key in ("use_qformer", "use_conv_downsample"):
        if embedder.bool(key, default=False):
            raise NotUnderstoodError(f"{root.name}: {embedder.path}{key}: the weights it adds are not known")
    width, hidden = encoder.int("attention_dim", default=256, minimum=1), source.hidden_size
    kind = embedder.optional_str("projection_cls") or "linear"
    if kind == "linear":
        return (*_encoder(encoder, width), *_matrices("audio_projection", width, hidden, 1))
    joined = width * embedder.int("downsample_rate", default=1, minimum=1)
    return (
        *_encoder(encoder, width),
        *_matrices("audio_projection", joined, hidden, 2),
        *_matrices("audio_projection_for_vision", joined, hidden, 2),
    )


def _embedder(root: ConfigReader) -> ConfigReader:
    """How sound is embedded; vLLM takes its defaults where that is only a name."""
    embedders = root.optional_section("embd_layer")
    stated = None if embedders is None else embedders.raw("audio_embd_layer")
    if embedders is None or not isinstance(stated, dict):
        return ConfigReader({}, root.name)
    return embedders.optional_section("audio_embd_layer") or ConfigReader({}, root.name)


def _matrices(name: str, inputs: int, hidden: int, count: int) -> tuple[Part, ...]:
    return tuple(
        replicated(f"{_NAME}.{name}.{2 * index}", size, hidden, bias=True, quantized=False)
        for index, size in enumerate((inputs, hidden)[:count])
    )


def _encoder(encoder: ConfigReader, width: int) -> tuple[Part, ...]:
    bias = encoder.optional_section("relative_attention_bias_args")
    if bias is None or bias.raw("type") != "t5":
        raise NotUnderstoodError(f"{encoder.name}: {encoder.path}relative_attention_bias_args is not T5's")
    distance = bias.int("t5_bias_max_distance", default=1000, minimum=1)
    buckets = distance if bias.bool("t5_bias_symmetric", default=False) else 2 * distance
    heads = encoder.int("attention_heads", default=4, minimum=1)
    groups = encoder.int("attention_group_size", default=1, minimum=1)
    embedding = encoder.optional_section("encoder_embedding_config")
    bins = encoder.int("input_size", minimum=1)
    normed = bins if embedding is None else embedding.int("input_size", minimum=1)
    name = f"{_NAME}.encoder"
    return (
        *_subsampling(encoder, bins, width, f"{name}.embed"),
        Tensor(f"{name}.relative_attention_bias_layer.bias_values", buckets * (heads // groups)),
        Tensor(f"{name}.encoder_embedding", 2 * normed),
        Repeated(
            f"{name}.encoders",
            _block(encoder, width, groups),
            encoder.int("num_blocks", default=6, minimum=1, maximum=MAX_LAYERS),
        ),
        Buffer(f"{name}.dev_type", 1),
    )


def _subsampling(encoder: ConfigReader, bins: int, width: int, name: str) -> tuple[Part, ...]:
    """NeMo's: a convolution over the mel bins, then pairs of one per channel and one across channels."""
    settings = encoder.optional_section("nemo_conv_settings") or ConfigReader({}, encoder.name)
    if (settings.optional_str("subsampling") or "dw_striding") != "dw_striding":
        raise NotUnderstoodError(f"{settings.name}: {settings.path}subsampling is not dw_striding")
    channels = settings.int("conv_channels", default=256, minimum=1)
    steps = encoder.int("time_reduction", default=4, minimum=2).bit_length() - 1
    padded = (
        0 if not settings.bool("is_causal", default=False) else 1
    )  # causal: 2 before and 1 behind, not 1 and 1
    left = bins
    for _ in range(steps):
        left = (left + 2 + padded - _TAPS) // 2 + 1
    first = channels * (_TAPS**2 + 1)
    return (
        Tensor(f"{name}.conv", first + (steps - 1) * (first + channels * (channels + 1))),
        replicated(f"{name}.out", channels * left, width, bias=True, quantized=False),
    )


def _block(encoder: ConfigReader, width: int, groups: int) -> tuple[Part, ...]:
    inner = encoder.int("linear_units", default=2048, minimum=1)
    bias = int(encoder.bool("bias_in_glu", default=True))
    feed_forward = 2 * inner * (width + bias) + width * (inner + 1)
    shared = width // groups
    attention = width * (width + 1) + 2 * shared * (width + 1) + width * (shared + 1)
    return (
        Tensor("feed_forwards", 2 * feed_forward),
        Tensor("self_attn", attention),
        Tensor("conv", _convolution(encoder, width, bias)),
        *(batch_norm("conv.bn_layer", width) if encoder.bool("batch_norm", default=False) else ()),
        *norms(
            width,
            "feed_forward_in.layer_norm",
            "layer_norm_att",
            "conv.layer_norm",
            "feed_forward_out.layer_norm",
            "layer_norm",
            bias=True,
        ),
    )


def _convolution(encoder: ConfigReader, width: int, bias: int) -> int:
    """Parameters of the convolution module but for its norms."""
    out = encoder.int("ext_pw_out_channel", default=0)
    own = encoder.int("depthwise_seperable_out_channel", default=256)
    spread = width * encoder.int("depthwise_multiplier", default=1, minimum=1)
    total = spread * (encoder.int("kernel_size", default=3, minimum=1) + 1)
    if own:
        total += own * (spread + 1) + (width * (own + 1) if own != width else 0)
    elif spread != width:
        total += width * (spread + 1)
    if not out:
        return total + 2 * _TAPS
    taps = encoder.int("ext_pw_kernel_size", default=1, minimum=1)
    total += out * (width * taps + 1)
    if encoder.bool("linear_glu_in_convm", default=False):
        total += 2 * out * (width + bias)
    else:
        total += 2 * out * (width * taps + 1) + 2 * bias * out
    return total + (width * (out + 1) if out != width else 0)
