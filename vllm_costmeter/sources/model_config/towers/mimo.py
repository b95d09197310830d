"""What MiMo V2 sees through (vLLM 0.32, mimo_v2_omni.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, gated_mlp, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import ROPE_POSITIONS, vision_section


def mimo_vision(source: Source) -> tuple[Part, ...]:
    """Windows with a sink per head, except in `fullatt_block_indexes`. Sizes left out are those of vLLM's
    Mimo_VLVisionConfig. NotUnderstoodError for a model that hears: its audio tokenizer's sizes stand in a folder beside
    config.json (`audio_tokenizer`), which nothing here reads."""
    if source.root.optional_section("audio_config") is not None:
        raise NotUnderstoodError(
            f"{source.root.name}: the audio tokenizer's sizes are not in this file (vLLM reads the folder "
            "audio_tokenizer beside it)"
        )
    vision = vision_section(source)
    width = vision.int("hidden_size", default=1280, minimum=1)
    heads = vision.int("num_heads", default=32, minimum=1)
    kv_heads = vision.int("num_key_value_heads", default=8, minimum=1)
    keys, values = vision.int("qk_channels", default=64), vision.int("kv_channels", default=64)
    inner = vision.int("intermediate_size", default=4608, minimum=1)
    depth = vision.int("depth", default=28, minimum=1, maximum=MAX_LAYERS)
    merged = width * vision.int("spatial_merge_size", default=2, minimum=1) ** 2
    pixels = (
        vision.int("in_channels", default=3, minimum=1)
        * vision.int("temporal_patch_size", default=2, minimum=1)
        * vision.int("patch_size", default=16, minimum=1) ** 2
    )
    shares = (
        Output(heads, keys),
        Output(kv_heads, keys, replicated=True),
        Output(kv_heads, values, replicated=True),
    )
    block = (
        *norms(width, "norm1", "norm2"),
        Linear("attn.qkv", width, shares, "column", bias=True),
        row("attn.proj", heads * values, width, bias=True),
        *gated_mlp("mlp", width, inner, bias=True),
    )
    sinks = Repeated("visual.sinks", (Tensor("sinks", heads),), _sinks(source, depth))
    return (
        Tensor("visual.patch_embed.proj", width * pixels),
        Buffer("visual.rotary_pos_emb", ROPE_POSITIONS * (keys // 2)),
        *norms(width, "visual.merger.ln_q"),
        column("visual.merger.mlp.0", merged, merged),
        row("visual.merger.mlp.2", merged, vision.int("out_hidden_size", default=2048, minimum=1)),
        Repeated("visual.blocks", block, depth),
        sinks,
    )


def _sinks(source: Source, depth: int) -> int:
    """Blocks with sinks, which every rank holds whole."""
    vision = vision_section(source)
    full = vision.optional_list("fullatt_block_indexes") or [7, 15, 23, 31]
    if not vision.bool("use_sink", default=False):
        return 0
    return sum(index not in full for index in range(depth))
