"""RADIO and Parakeet, what Nemotron Nano VL and the Omni models see and hear with (vLLM 0.32: radio.py, parakeet.py,
nano_nemotron_vl.py). Never quantized; RADIO is divided by heads."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import (
    INT64_BYTES,
    split_attention,
    two_layers,
    vision_section,
)
from vllm_costmeter.sources.model_config.towers.speech import batch_norm

_SIZES = {
    "vit_small_patch16_224": (384, 12, 6, 1536),
    "vit_base_patch16_224": (768, 12, 12, 3072),
    "vit_large_patch16_224": (1024, 24, 16, 4096),
    "vit_huge_patch16_224": (1280, 32, 16, 5120),
}
"""Width, layers, heads and width inside of the models that vLLM's RadioConfig knows, by timm's names."""


def nemotron_vl(source: Source) -> tuple[Part, ...]:
    """RADIO, the projector, and Parakeet with its own where the file has a sound section."""
    root, hidden = source.root, source.hidden_size
    width = root.int("vit_hidden_size", minimum=1)
    ratio = root.float("downsample_ratio", default=0.5)
    merged = width * round(1 / ratio) ** 2 if 0.0 < ratio <= 1.0 else width
    inner = root.int("projector_hidden_size", minimum=1)
    predicts = source.text.int("num_nextn_predict_layers", default=0) > 0
    sound = root.optional_section("sound_config")
    return (
        *_radio(source),
        *(norms(width, "vision_final_layernorm", bias=True) if predicts else ()),
        *norms(merged, "mlp1.0"),
        replicated("mlp1.1", merged, inner, quantized=False),
        replicated("mlp1.3", inner, hidden, quantized=False),
        *(_parakeet(sound, hidden) if sound is not None else ()),
    )


def llama_nemotron_nano_vl(source: Source) -> tuple[Part, ...]:
    """RADIO by the checkpoint's own code (Hugging Face's C-RADIO v2), whole on every rank and without the scales of
    layers that vLLM's has, before a projector with biases."""
    root, hidden = source.root, source.hidden_size
    width, inner = root.int("vit_hidden_size", minimum=1), root.int("projector_hidden_size", minimum=1)
    ratio = root.float("downsample_ratio", default=0.5)
    merged = width * int(1 / ratio) ** 2 if 0.0 < ratio <= 1.0 else width
    return (
        *_radio(source, is_whole=True),
        *norms(merged, "mlp1.0", bias=True),
        replicated("mlp1.1", merged, inner, bias=True, quantized=False),
        replicated("mlp1.3", inner, hidden, bias=True, quantized=False),
    )


def _radio(source: Source, *, is_whole: bool = False) -> tuple[Part, ...]:
    vision = vision_section(source)
    return radio(
        vision.optional_section("args") or vision,
        "vision_model",
        patch=vision.int("patch_size", default=16, minimum=1),
        frames=vision.int("video_temporal_patch_size", default=1, minimum=1),
        is_whole=is_whole,
    )


def radio(
    args: ConfigReader, owner: str, *, patch: int, frames: int = 1, is_whole: bool = False
) -> tuple[Part, ...]:
    """The tower that `args` names, inside the module `owner`."""
    model = args.optional_str("model") or ""
    if model not in _SIZES:
        raise NotUnderstoodError(f"{args.name}: {args.path}model {model[:40]!r} is no RADIO that is known")
    width, depth, heads, inner = _SIZES[model]
    pixels = 3 * patch**2
    side = round(args.int("cpe_max_size", default=2048, minimum=1) / patch)
    teachers = [teacher for teacher in args.optional_list("teachers") or [] if isinstance(teacher, dict)]
    summaries = sum(bool(teacher.get("use_summary", True)) for teacher in teachers)
    per_teacher = args.bool("cls_token_per_teacher", default=False)
    tokens = len({teacher.get("name") for teacher in teachers}) if per_teacher else 1
    multiple = args.optional_int("register_multiple") or 0
    registers = multiple - tokens % multiple if multiple else 0
    block: tuple[Part, ...] = (
        *split_attention("attn.qkv", "attn.proj", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, "norm1", "norm2", bias=True),
        *norms(width, "ls1", "ls2"),
    )
    if is_whole:
        block = (
            replicated("attn.qkv", width, 3 * width, bias=True, quantized=False),
            replicated("attn.proj", width, width, bias=True, quantized=False),
            replicated("mlp.fc1", width, inner, bias=True, quantized=False),
            replicated("mlp.fc2", inner, width, bias=True, quantized=False),
            *norms(width, "norm1", "norm2", bias=True),
        )
    name = f"{owner}.model"
    return (
        Tensor(f"{name}.patch_generator.embedder", width * pixels),
        *((Tensor(f"{name}.patch_generator.video_embedder", width * pixels * frames),) if frames > 1 else ()),
        Tensor(f"{name}.patch_generator.pos_embed", width * side**2),
        Tensor(f"{name}.patch_generator.cls_token", width * (tokens + registers)),
        Repeated(f"{name}.encoder.layers", block, depth),
        *((Buffer(f"{owner}.summary_idxs", summaries, INT64_BYTES),) if summaries else ()),
    )


def _parakeet(sound: ConfigReader, hidden: int) -> tuple[Part, ...]:
    """A conformer that every rank holds whole; defaults of transformers' ParakeetEncoderConfig, 5.x, without a bias in
    its attention, whatever the file says."""
    width = sound.int("hidden_size", default=1024, minimum=1)
    inner = sound.int("intermediate_size", default=4096, minimum=1)
    kernel = sound.int("conv_kernel_size", default=9, minimum=1)
    bias = int(sound.bool("convolution_bias", default=True))
    block = (
        Tensor("feed_forwards", 2 * 2 * width * inner),
        Tensor("self_attn", 5 * width * width + 2 * width),
        Tensor("conv", 2 * width * (width + bias) + width * (kernel + bias) + width * (width + bias)),
        *batch_norm("conv.norm", width),
        *norms(
            width,
            "norm_feed_forward1",
            "norm_self_att",
            "norm_conv",
            "norm_feed_forward2",
            "norm_out",
            bias=True,
        ),
    )
    middle = sound.int("projection_hidden_size", minimum=1)
    out_bias = sound.bool("projection_bias", default=False)
    name, projection = "sound_encoder.encoder", "sound_encoder.projection"
    return (
        Buffer(f"{name}.encode_positions.inv_freq", width // 2),
        *_subsampling(sound, width, f"{name}.subsampling"),
        Repeated(
            f"{name}.layers", block, sound.int("num_hidden_layers", default=24, minimum=1, maximum=MAX_LAYERS)
        ),
        *norms(width, f"{projection}.norm"),
        replicated(f"{projection}.linear1", width, middle, bias=out_bias, quantized=False),
        replicated(f"{projection}.linear2", middle, hidden, bias=out_bias, quantized=False),
    )


def _subsampling(sound: ConfigReader, width: int, name: str) -> tuple[Part, ...]:
    """A convolution over the mel bins, then pairs of one per channel and one across channels, each halving the bins."""
    channels = sound.int("subsampling_conv_channels", default=256, minimum=1)
    taps = sound.int("subsampling_conv_kernel_size", default=3, minimum=1) ** 2
    stride = sound.int("subsampling_conv_stride", default=2, minimum=1)
    steps = sound.int("subsampling_factor", default=8, minimum=1).bit_length() - 1
    bins = sound.int("num_mel_bins", default=80, minimum=1) // stride**steps
    first, pair = channels * (taps + 1), channels * (taps + 1) + channels * (channels + 1)
    return (
        Tensor(f"{name}.layers", first + max(steps - 1, 0) * pair),
        replicated(f"{name}.linear", channels * bins, width, bias=True, quantized=False),
    )
