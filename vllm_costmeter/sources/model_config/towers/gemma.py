"""The towers of Gemma 3 and 4 and EmbeddingGemma 2 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_TAPS = 9  # of both convolutions of the audio tower
_CHANNELS, _CONV_KERNEL, _AUDIO_OUT = [128, 32], 5, 1536  # of transformers' Gemma4AudioConfig (5.19)


def gemma3(source: Source) -> tuple[Part, ...]:
    width = vision_section(source).int("hidden_size", minimum=1)
    return (
        *siglip(source),
        Tensor("multi_modal_projector.mm_input_projection_weight", width * source.hidden_size),
        *norms(width, "multi_modal_projector.mm_soft_emb_norm"),
    )


def gemma4(source: Source) -> tuple[Part, ...]:
    """Gemma 4's towers, modules of transformers: whole on every rank and never quantized."""
    return (*_sight(source, vision_section(source)), *_hearing(source))


def embedding_gemma2(source: Source) -> tuple[Part, ...]:
    """Gemma 4's towers, those of them that the file describes."""
    vision = source.root.optional_section("vision_config")
    return (*(() if vision is None else _sight(source, vision)), *_hearing(source))


def gemma_inputs(source: Source) -> tuple[str, ...]:
    """What the file describes a tower for: only some sizes hear."""
    seen = ("image", "video") if source.root.optional_section("vision_config") is not None else ()
    heard = ("audio",) if source.root.optional_section("audio_config") is not None else ()
    return (*seen, *heard)


def _sight(source: Source, vision: ConfigReader) -> tuple[Part, ...]:
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    head_size = vision.int("head_dim", default=width // heads, minimum=1)
    kv_heads = vision.int("num_key_value_heads", default=heads, minimum=1)
    inner = vision.int("intermediate_size", minimum=1)
    clip = 16 if vision.bool("use_clipped_linears", default=False) else 0
    pixels = 3 * vision.int("patch_size", minimum=1) ** 2
    table = 2 * vision.int("position_embedding_size", minimum=1) * width
    per_block = (
        2 * width * (heads + kv_heads) * head_size
        + 2 * head_size
        + 3 * width * inner
        + 4 * width
        + 7 * clip // 4
    )
    parts: list[Part] = [
        Tensor("vision_tower.patch_embedder", table + width * pixels),
        Tensor(
            "vision_tower.encoder.layers",
            per_block * vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS),
        ),
        Buffer("vision_tower.encoder.rotary_emb", 2 * (head_size // 4), FLOAT32_BYTES),
        replicated("embed_vision.embedding_projection", width, source.hidden_size),
    ]
    if vision.bool("standardize", default=False):
        parts.append(Buffer("vision_tower.std", 2 * width))
    return tuple(parts)


def _hearing(source: Source) -> tuple[Part, ...]:
    """A conformer behind two convolutions; each of its ten matrices may be clipped by four bounds."""
    audio = source.root.optional_section("audio_config")
    if audio is None:
        return ()
    width = audio.int("hidden_size", minimum=1)
    head = width // audio.int("num_attention_heads", minimum=1)
    channels = audio.optional_list("subsampling_conv_channels") or _CHANNELS
    if len(channels) != 2 or not all(isinstance(count, int) and count > 0 for count in channels):
        raise NotUnderstoodError(f"{audio.name}: subsampling_conv_channels is no pair of sizes")
    first, second = channels
    name, out = "audio_tower", audio.int("output_proj_dims", default=_AUDIO_OUT, minimum=1)
    bounds = 40 if audio.bool("use_clipped_linears", default=True) else 0
    block: tuple[Part, ...] = (
        Tensor("self_attn", 5 * width, width),
        Tensor("self_attn.per_dim_scale", head),
        Buffer("self_attn.softcap", 1),
        Tensor("feed_forwards", 16 * width, width),
        Tensor("lconv1d", 3 * width + audio.int("conv_kernel_size", default=_CONV_KERNEL, minimum=1), width),
        *norms(9 * width, "norms"),
        Buffer("bounds", bounds),
    )
    return (
        Tensor(f"{name}.subsample_conv", _TAPS * first * (1 + second) + first + second),
        Tensor(f"{name}.input_proj_linear", first // 4 * second, width),
        Buffer(f"{name}.rel_pos_enc", width // 2),
        Repeated(f"{name}.layers", block, audio.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)),
        replicated(f"{name}.output_proj", width, out, bias=True),
        replicated("embed_audio.embedding_projection", out, source.hidden_size),
    )


def gemma4_unified(source: Source) -> tuple[Part, ...]:
    """Gemma 4 without encoders: patches and sound go through one projection each; defaults of transformers 5.19."""
    vision, audio = vision_section(source), source.root.optional_section("audio_config")
    width = vision.int("mm_embed_dim", default=3840, minimum=1)
    side = vision.int("patch_size", default=16, minimum=1) * vision.int(
        "pooling_kernel_size", default=3, minimum=1
    )
    pixels, positions = 3 * side**2, vision.int("mm_posemb_size", default=1120, minimum=1)
    name, hidden = "vision_embedder", source.hidden_size
    parts: list[Part] = [
        Tensor(f"{name}.pos_embedding", 2 * positions, width),
        *norms(pixels, f"{name}.patch_ln1", bias=True),
        column(f"{name}.patch_dense", pixels, width, bias=True),
        *norms(width, f"{name}.patch_ln2", f"{name}.pos_norm", bias=True),
        replicated("embed_vision.embedding_projection", width, hidden),
    ]
    if audio is not None:
        inputs = audio.int("audio_embed_dim", default=640, minimum=1)
        parts.append(replicated("embed_audio.embedding_projection", inputs, hidden))
    return tuple(parts)
