"""ERNIE 4.5 VL's tower and the resampler that joins patches and frames (vLLM 0.32, ernie45_vl.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Linear, Part, Repeated
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import (
    INT64_BYTES,
    frequencies,
    split_attention,
    two_layers,
    vision_section,
)

_TOKENS = (
    "im_patch_id",
    "image_start_token_id",
    "image_end_token_id",
    "video_start_token_id",
    "video_end_token_id",
)


def ernie_vl(source: Source) -> tuple[Part, ...]:
    vision, root = vision_section(source), source.root
    width, heads = vision.int("embed_dim", minimum=1), vision.int("num_heads", minimum=1)
    inner = int(width * vision.float("mlp_ratio", default=4.0))
    pixels = vision.int("in_channels", minimum=1) * vision.int("patch_size", minimum=1) ** 2
    block = (
        *norms(width, "norm1", "norm2", bias=True),
        *split_attention("attn.qkv", "attn.proj", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
    )
    ids = [name for name in _TOKENS if root.raw(name) is not None] if root.raw("im_patch_id") else []
    return (
        replicated("vision_model.patch_embed.proj", pixels, width, quantized=False),
        frequencies("vision_model.rotary_pos_emb", width // heads),
        Repeated("vision_model.blocks", block, vision.int("depth", minimum=1, maximum=MAX_LAYERS)),
        *norms(width, "vision_model.ln", bias=True),
        *_resampler(source),
        *((Buffer("visual_token_ids", len(ids), INT64_BYTES),) if ids else ()),
    )


def _resampler(source: Source) -> tuple[Part, ...]:
    """Divided matrices that are never quantized; those over frames where the file asks for them."""
    root, name = source.root, "resampler_model"
    if not root.has("use_temporal_conv"):
        raise NotUnderstoodError(f"{root.name}: use_temporal_conv is missing, so the resampler has no size")
    joined = root.int("pixel_hidden_size", minimum=1) * root.int("spatial_conv_size", minimum=1) ** 2
    frames = joined * root.int("temporal_conv_size", minimum=1)
    widths = {"spatial": joined} | (
        {"temporal": frames} if root.bool("use_temporal_conv", default=False) else {}
    )
    parts: list[Part] = []
    for axis, inputs in widths.items():
        parts += (
            _plain(f"{name}.{axis}_linear1", inputs, joined),
            _plain(f"{name}.{axis}_linear2", joined, joined),
            *norms(joined, f"{name}.{axis}_norm", bias=True),
        )
    hidden = source.hidden_size
    return (*parts, _plain(f"{name}.mlp", joined, hidden), *norms(hidden, f"{name}.after_norm"))


def _plain(name: str, inputs: int, outputs: int) -> Linear:
    return replace(column(name, inputs, outputs, bias=True), quantized=False)
