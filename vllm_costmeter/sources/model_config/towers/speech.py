"""Towers that hear: Ultravox, Audio Flamingo 3, Granite Speech, MiDashengLM (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.encoders.whisper import whisper_block, whisper_encoder
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.audio import audio_section, qwen2_audio_encoder
from vllm_costmeter.sources.model_config.towers.parts import INT64_BYTES, two_layers


def ultravox(source: Source) -> tuple[Part, ...]:
    """Whisper's encoder, and a projector of two matrices or of Whisper's layers."""
    root = source.root
    if root.raw("audio_model_id") is not None:
        raise NotUnderstoodError(f"{root.name}: the audio tower is another repository's (audio_model_id)")
    audio = audio_section(root)
    width, name = audio.int("d_model", minimum=1), "multi_modal_projector"
    stacked = width * root.int("stack_factor", default=8, minimum=1)
    encoder = (*whisper_encoder(audio, "audio_tower"), *norms(stacked, f"{name}.ln_pre"))
    depth = root.int("num_projector_layers", default=0, minimum=0, maximum=MAX_LAYERS)
    if depth:
        return (
            *encoder,
            replicated(f"{name}.linear_in", stacked, width, bias=True),
            Tensor(f"{name}.embed_positions", audio.int("max_source_positions", minimum=1) * width),
            Repeated(f"{name}.layers", whisper_block(audio), depth),
            *norms(width, f"{name}.ln_post"),
            replicated(f"{name}.linear_out", width, source.hidden_size, bias=True),
        )
    inner = root.int("hidden_size", default=4096, minimum=2)
    halved = root.raw("projector_act") in (None, "swiglu")
    middle = inner // 2 if halved else inner
    normed = middle if root.bool("projector_ln_mid", default=False) else source.hidden_size
    return (
        *encoder,
        replicated(f"{name}.linear_1", stacked, inner),
        replicated(f"{name}.linear_2", middle, source.hidden_size),
        *norms(normed, f"{name}.ln"),
    )


def audio_flamingo(source: Source) -> tuple[Part, ...]:
    """Qwen2-Audio's encoder, and a projector of two matrices that every rank holds whole."""
    audio, hidden = audio_section(source.root), source.hidden_size
    width = audio.int("hidden_size", "d_model", minimum=1)
    bias, name = source.root.bool("projector_bias", default=True), "multi_modal_projector"
    return (
        *qwen2_audio_encoder(audio),
        replicated(f"{name}.linear_1", width, hidden, bias=bias, quantized=False),
        replicated(f"{name}.linear_2", hidden, hidden, bias=bias, quantized=False),
    )


def granite_speech(source: Source) -> tuple[Part, ...]:
    """A conformer that ends in two divided matrices, and BLIP-2's Q-Former."""
    encoder = _section(source.root, "encoder_config")
    width, out = encoder.int("hidden_dim", minimum=1), encoder.int("output_dim", minimum=1)
    depth = encoder.int("num_layers", minimum=1, maximum=MAX_LAYERS)
    return (
        replicated(
            "encoder.input_linear", encoder.int("input_dim", minimum=1), width, bias=True, quantized=False
        ),
        Repeated("encoder.layers", _conformer(encoder, width), depth),
        column("encoder.out", width, out, bias=True),
        row("encoder.out_mid", out, width, bias=True),
        *_q_former(source),
    )


def _conformer(encoder: ConfigReader, width: int) -> tuple[Part, ...]:
    """Attention and convolutions that every rank holds whole, between two divided MLPs."""
    inner = encoder.int("feedforward_mult", minimum=1) * width
    head = encoder.int("dim_head", minimum=1)
    heads = encoder.int("num_heads", minimum=1) * head
    channels = encoder.int("conv_expansion_factor", minimum=1) * width
    attention = 4 * width * heads + width + (2 * encoder.int("max_pos_emb", minimum=1) + 1) * head
    kernel = encoder.int("conv_kernel_size", minimum=1)
    convolution = 2 * channels * (width + 1) + channels * kernel + channels * width + width
    mlps = [
        replace(one, quantized=False)
        for name in ("ff1", "ff2")
        for one in (
            column(f"{name}.up_proj", width, inner, bias=True),
            row(f"{name}.down_proj", inner, width, bias=True),
        )
    ]
    return (
        *mlps,
        Tensor("attn", attention),
        Tensor("conv", convolution),
        *batch_norm("conv.batch_norm", channels),
        *norms(width, "ff1.pre_norm", "attn.pre_norm", "conv.norm", "ff2.pre_norm", "post_norm", bias=True),
    )


def _q_former(source: Source) -> tuple[Part, ...]:
    former = _section(source.root, "projector_config")
    width, inner = former.int("hidden_size", minimum=1), former.int("intermediate_size", minimum=1)
    seen = former.int("encoder_hidden_size", minimum=1)
    queries = source.root.int("window_size", minimum=1) // source.root.int("downsample_rate", minimum=1)
    depth = former.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    crossing = len(range(0, depth, former.int("cross_attention_frequency", minimum=1)))
    output = width * width + 3 * width
    own = 3 * (width * width + width) + output
    cross = (width * width + width) + 2 * (seen * width + width) + output
    mlp = 2 * width * inner + inner + 3 * width
    return (
        Tensor("projector.query", queries * width),
        Tensor("projector.qformer", depth * (own + mlp) + crossing * cross + 2 * width),
        replicated("projector.linear", width, source.hidden_size, bias=True, quantized=False),
    )


def midashenglm(source: Source) -> tuple[Part, ...]:
    """Dasheng's audio transformer, divided by heads, and a projector of two divided matrices."""
    audio = _section(source.root, "audio_encoder_config")
    width, heads = (
        audio.int("embed_dim", default=768, minimum=1),
        audio.int("num_heads", default=12, minimum=1),
    )
    bins, frames = (
        audio.int("n_mels", default=64, minimum=1),
        audio.int("target_length", default=1012, minimum=1),
    )
    patch, stride = _pair(audio, "patch_size"), _pair(audio, "patch_stride")
    positions = bins // stride[0] + frames // stride[1]
    taps = audio.int("input_channels", default=1, minimum=1) * patch[0] * patch[1]
    inner = int(width * audio.float("mlp_ratio", default=4.0))
    scaled = bool(audio.raw("init_values"))
    bias = audio.bool("qkv_bias", default=True)
    block = (
        Linear("attn.qkv", width, (Output(heads, width // heads),) * 3, "column", bias=bias),
        row("attn.proj", width, width, bias=True),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, "norm1", "norm2", bias=True),
        *(norms(width, "ls1", "ls2") if scaled else ()),
    )
    joined = width * source.root.int("subsample_factor", default=5, minimum=1)
    name, hidden = "audio_encoder", source.hidden_size
    window = audio.int("win_length", default=512, minimum=1)
    filters = (audio.int("n_fft", default=512, minimum=1) // 2 + 1) * bins
    return (
        Buffer(f"{name}.front_end.spectrogram_window", window),
        Buffer(f"{name}.front_end.melscale_fbanks", filters),
        *batch_norm(f"{name}.init_bn", bins),
        Tensor(f"{name}.patch_embed", width * (taps + 1)),
        Tensor(f"{name}.pos_embed", width * positions),
        Repeated(f"{name}.blocks", block, audio.int("depth", default=12, minimum=1, maximum=MAX_LAYERS)),
        *norms(width, f"{name}.norm", bias=True),
        column("audio_projector.net.0", joined, hidden, bias=True),
        row("audio_projector.net.2", hidden, hidden, bias=True),
    )


def _pair(audio: ConfigReader, key: str) -> tuple[int, int]:
    """A size of patches: one number for both axes, or a list of two."""
    if not isinstance(audio.raw(key), list | tuple):
        size = audio.int(key, default=16, minimum=1)
        return size, size
    sizes = audio.optional_list(key) or []
    if len(sizes) != 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise NotUnderstoodError(f"{audio.name}: {key} is no pair of sizes")
    return sizes[0], sizes[1]


def batch_norm(name: str, channels: int) -> tuple[Part, ...]:
    """Two parameters and two running statistics per channel, and a count of batches."""
    return (
        Tensor(name, 2 * channels),
        Buffer(f"{name}.running", 2 * channels),
        Buffer(f"{name}.num_batches_tracked", 1, INT64_BYTES),
    )


def _section(root: ConfigReader, key: str) -> ConfigReader:
    section = root.optional_section(key)
    if section is None:
        raise NotUnderstoodError(f"{root.name}: {key} is missing, so the tower has no size")
    return section
