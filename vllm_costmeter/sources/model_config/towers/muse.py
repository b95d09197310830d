"""What the Muse models see and hear through (vLLM 0.33, muse_glimmer.py, models/muse_spark)."""

from __future__ import annotations

import math

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import split_attention, two_layers, vision_section


def glimmer_vision(source: Source) -> tuple[Part, ...]:
    """Its attention is divided by heads, its MLP and the projector are not; none where the file has no tower. Sizes the
    file leaves out are those of transformers' MuseGlimmerVisionConfig and MuseGlimmerConfig (5.x)."""
    if source.root.optional_section("vision_config") is None:
        return ()
    vision, root = vision_section(source), source.root
    width = vision.int("hidden_size", default=1536, minimum=1)
    heads = vision.int("num_attention_heads", default=16, minimum=1)
    inner = vision.int("intermediate_size", default=8960, minimum=1)
    depth = vision.int("num_hidden_layers", default=50, minimum=1, maximum=MAX_LAYERS)
    pixels = (
        3 * vision.int("patch_temporal", default=2, minimum=1) * vision.int("patch_size", default=14) ** 2
    )
    positions = vision.int("pos_emb_height", default=32) * vision.int("pos_emb_width", default=32)
    merged = width * vision.int("merge_size", default=2, minimum=1) ** 2
    middle = root.int("projector_hidden_size", default=4096, minimum=1)
    name = "vision_encoder"
    block = (
        *norms(width, "ln_1", "ln_2", bias=True),
        *split_attention("attn.qkv_proj", "attn.o_proj", width, heads, width // heads),
        replicated("mlp.c_fc", width, inner, bias=True, quantized=False),
        replicated("mlp.c_proj", inner, width, bias=True, quantized=False),
    )
    return (
        Tensor(f"{name}.positional_embedding_vlm", positions, width),
        replicated(f"{name}.conv1_linear", pixels, width, quantized=False),
        *norms(width, f"{name}.ln_pre", f"{name}.ln_post", bias=True),
        Repeated(f"{name}.transformer", block, depth),
        replicated("vision_adapter.c_fc", merged, middle, quantized=False),
        replicated("vision_adapter.c_proj", middle, middle, quantized=False),
        replicated("vision_projection", middle, source.hidden_size, quantized=False),
    )


_IMAGE_TOKENS = (
    4096  # max_num_image_tokens of models/muse_spark/common/vision.py: the grid that positions reach
)


def spark_towers(source: Source) -> tuple[Part, ...]:
    """A vision tower divided by heads, and an audio encoder that every rank holds whole."""
    return (*_spark_vision(source), *_spark_audio(source))


def _spark_vision(source: Source) -> tuple[Part, ...]:
    vision, root = vision_section(source), source.root
    width = vision.int("hidden_size", minimum=1)
    heads, merge = vision.int("num_attention_heads", minimum=1), vision.int("merge_size", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    pixels = 3 * vision.int("patch_temporal", minimum=1) * vision.int("patch_size", minimum=1) ** 2
    height, length = vision.int("pos_emb_height", minimum=1), vision.int("pos_emb_width", minimum=1)
    middle = root.int("projector_hidden_size", minimum=1)
    side = max(math.isqrt(_IMAGE_TOKENS * merge**2) + 1, height, length)
    name = "vision_model"
    block = (
        *norms(width, "ln_1", "ln_2", bias=True),
        *split_attention("attn.qkv_proj", "attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "c_fc", "c_proj"),
    )
    return (
        Tensor(f"{name}.positional_embedding_vlm", height * length, width),
        Buffer(f"{name}.precomputed_freqs_cis", side * side * (width // heads), FLOAT32_BYTES),
        column(f"{name}.conv1_linear", pixels, width),
        *norms(width, f"{name}.ln_pre", f"{name}.ln_post", bias=True),
        Repeated(f"{name}.encoder", block, depth),
        column(f"{name}.adapter.c_fc", width * merge**2, middle),
        row(f"{name}.adapter.c_proj", middle, middle),
        row("vision_projection", middle, source.hidden_size),
    )


def _spark_audio(source: Source) -> tuple[Part, ...]:
    audio = source.root.optional_section("audio_config")
    if audio is None:
        raise BadInputError(f"{source.root.name}: audio_config is missing: this architecture needs it")
    lists = [audio.optional_list(key) or () for key in ("patch_sizes", "depths", "hidden_sizes")]
    if len({len(each) for each in lists}) != 1 or not all(isinstance(n, int) for each in lists for n in each):
        raise BadInputError(
            f"{source.root.name}: audio_config: patch_sizes, depths and hidden_sizes must be lists of equally many "
            "whole numbers"
        )
    kernel, ratio = audio.int("conv_kernel_size", minimum=1), audio.float("mlp_ratio", default=4.0)
    latent = audio.int("out_hidden_size", minimum=1)
    parts: list[Part] = []
    before = 1
    for index, (patch, depth, width) in enumerate(zip(*lists, strict=True)):
        name, inner = f"audio_encoder.stages.{index}", int(width * ratio)
        block: tuple[Part, ...] = (
            Tensor("conv.conv", width, kernel + 1),
            *norms(width, "norm"),
            replicated("linear1", width, inner, bias=True, quantized=False),
            replicated("linear2", inner, width, bias=True, quantized=False),
        )
        parts += [
            replicated(f"{name}.0.linear", before * patch, width, bias=True, quantized=False),
            *norms(width, f"{name}.0.norm"),
            Repeated(name, block, depth),
        ]
        before = width
    return (
        *parts,
        *norms(before, "audio_encoder.norm"),
        replicated("audio_encoder.o_proj", before, latent, bias=True, quantized=False),
        *norms(latent, "audio_encoder.dual_norm"),
    )
