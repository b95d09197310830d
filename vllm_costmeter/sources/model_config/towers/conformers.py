"""Conformers of models that transcribe, whole on every rank: FireRedASR 2, Cohere Transcribe; and Fun-ASR's encoder of
attention with memory (vLLM 0.32, conformer_encoder.py, cohere_asr.py and funasr.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import INT64_BYTES, plain, split_attention

_TAPS = 9  # of a convolution over frames and mel bins
_CHANNELS = 32  # of FireRedASR's
_LFR_WIDTH = 560  # Fun-ASR joins seven frames of 80 mel bins
_ADAPTOR = (512, 2048, 1024, 2, 8)  # inputs, width, outputs, layers and heads of Fun-ASR's, fixed in vLLM


def fire_red(source: Source) -> tuple[Part, ...]:
    """FireRedASR 2: relative positions from a table, and a projector of two matrices."""
    audio, hidden = _conf(source), source.hidden_size
    width, bins = audio.int("d_model", minimum=1), audio.int("idim", minimum=1)
    rows = ((bins - 1) // 2 - 1) // 2
    kernel = audio.int("kernel_size", default=33, minimum=1)
    positions = 2 * audio.int("pe_maxlen", default=5000, minimum=1) - 1
    square = width * width
    block: tuple[Part, ...] = (
        Tensor("ffn1, ffn2", 2 * (8 * square + 7 * width)),
        Tensor("mhsa", 5 * square + 2 * width + 6 * width),
        Tensor("conv", 2 * width + 4 * square + 2 * width * kernel + 4 * width + 2 * square),
        *norms(width, "layer_norm", bias=True),
    )
    joined = width * source.root.int("encoder_downsample_rate", default=2, minimum=1)
    name = "model.encoder.audio_encoder"
    return (
        Tensor(f"{name}.input_preprocessor.conv", _TAPS * _CHANNELS * (1 + _CHANNELS) + 2 * _CHANNELS),
        replicated(f"{name}.input_preprocessor.out", _CHANNELS * rows, width, bias=True, quantized=False),
        Buffer(f"{name}.positional_encoding", positions * width),
        Repeated(f"{name}.layer_stack", block, audio.int("n_layers_enc", minimum=1, maximum=MAX_LAYERS)),
        replicated("model.encoder_projector.linear1", joined, hidden, bias=True, quantized=False),
        replicated("model.encoder_projector.linear2", hidden, hidden, bias=True, quantized=False),
    )


def cohere_asr(encoder: ConfigReader, hidden: int) -> tuple[Part, ...]:
    """Cohere Transcribe: NeMo's conformer; `hidden`: the decoder's width, to which it is projected if they differ."""
    width, heads = encoder.int("d_model", minimum=1), encoder.int("n_heads", minimum=1)
    inner = width * encoder.int("ff_expansion_factor", minimum=1)
    kernel = encoder.int("conv_kernel_size", minimum=1)
    bias = encoder.bool("use_bias", default=True)
    own = encoder.bool("untie_biases", default=False)
    square, name = width * width, "model.encoder"
    norm = (
        Tensor("conv.batch_norm", 2 * width),
        Buffer("conv.batch_norm.running", 2 * width),
        Buffer("conv.batch_norm.num_batches_tracked", 1, INT64_BYTES),
    )
    block: tuple[Part, ...] = (
        Tensor("feed_forwards", 2 * (2 * width * inner + bias * (inner + width))),
        Tensor("self_attn", 5 * square + bias * 4 * width + own * 2 * width),
        Tensor("conv", 3 * square + width * kernel + bias * 4 * width),
        *norm,
        *norms(5 * width, "norms", bias=True),
    )
    out = encoder.raw("feat_out")
    projected = out if isinstance(out, int) and out > 0 and out != width else 0
    positions = 2 * encoder.int("pos_emb_max_len", minimum=1) - 1
    return (
        *_subsampled(encoder, width, f"{name}.pre_encode"),
        *(() if own else (Buffer(f"{name}.pos_biases", 2 * width // heads * heads),)),
        Buffer(f"{name}.pos_enc", positions * width),
        Repeated(f"{name}.layers", block, encoder.int("n_layers", minimum=1, maximum=MAX_LAYERS)),
        *((Tensor(f"{name}.out_proj", projected, width + 1),) if projected else ()),
        *((Tensor("model.encoder_decoder_proj", hidden, width + 1),) if hidden != width else ()),
    )


def _subsampled(encoder: ConfigReader, width: int, name: str) -> tuple[Part, ...]:
    """One convolution, then one by channel and one across channels for each further halving."""
    factor = encoder.int("subsampling_factor", minimum=2)
    if encoder.raw("subsampling") != "dw_striding" or factor & (factor - 1):
        raise NotUnderstoodError(f"{encoder.name}: this subsampling of frames is not known")
    stated = encoder.raw("subsampling_conv_channels")
    channels = width if stated == -1 else encoder.int("subsampling_conv_channels", minimum=1)
    rows, halvings = encoder.int("feat_in", minimum=1), factor.bit_length() - 1
    for _ in range(halvings):
        rows = (rows - 1) // 2 + 1
    further = (_TAPS + 1) * channels + channels * (channels + 1)
    return (
        Tensor(f"{name}.conv", (_TAPS + 1) * channels + (halvings - 1) * further),
        Tensor(f"{name}.out", width, channels * rows + 1),
    )


def fun_asr(source: Source) -> tuple[Part, ...]:
    """Fun-ASR: attention that every rank holds whole, beside a divided MLP; an adaptor that divides both."""
    audio = _conf(source)
    width = audio.int("output_size", default=256, minimum=1)
    inner = audio.int("linear_units", default=2048, minimum=1)
    kernel = audio.int("kernel_size", default=11, minimum=1)
    inputs, between, out, depth, heads = _ADAPTOR
    name = "model.encoder.audio_encoder"
    first = _memory_layer(_LFR_WIDTH, width, inner, kernel)
    layer = _memory_layer(width, width, inner, kernel)
    more = audio.int("num_blocks", default=6, minimum=1, maximum=MAX_LAYERS) - 1
    last = audio.int("tp_blocks", default=0, maximum=MAX_LAYERS)
    attends = split_attention("self_attn.qkv", "self_attn.out_proj", out, heads, out // heads)
    block: tuple[Part, ...] = (
        *plain(*attends),
        *_mlp(out, out // 4),
        *norms(out, "norm1", "norm2", bias=True),
    )
    adaptor = "model.encoder.audio_adaptor"
    return (
        Repeated(f"{name}.encoders0", first, 1),
        Repeated(f"{name}.encoders", layer, more + last),
        *norms(width, f"{name}.after_norm", f"{name}.tp_norm", bias=True),
        *plain(
            column(f"{adaptor}.linear1", inputs, between, bias=True),
            row(f"{adaptor}.linear2", between, out, bias=True),
        ),
        Repeated(f"{adaptor}.blocks", block, depth),
    )


def _memory_layer(inputs: int, width: int, inner: int, kernel: int) -> tuple[Part, ...]:
    return (
        replicated("self_attn.linear_q_k_v", inputs, 3 * width, bias=True, quantized=False),
        replicated("self_attn.out_proj", width, width, bias=True, quantized=False),
        Tensor("self_attn.fsmn_block", width, kernel),
        *_mlp(width, inner),
        *norms(inputs, "norm1", bias=True),
        *norms(width, "norm2", bias=True),
    )


def _mlp(width: int, inner: int) -> tuple[Part, ...]:
    return plain(
        column("feed_forward.w_1", width, inner, bias=True), row("feed_forward.w_2", inner, width, bias=True)
    )


def _conf(source: Source) -> ConfigReader:
    section = source.root.optional_section("audio_encoder_conf")
    if section is None:
        raise NotUnderstoodError(
            f"{source.root.name}: audio_encoder_conf is missing, so the tower has no size"
        )
    return section
