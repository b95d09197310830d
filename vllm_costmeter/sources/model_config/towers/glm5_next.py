"""GLM-5 Next's tower: gated blocks with norms of queries and keys, a convolution that merges patches, and a merger
(vLLM 0.30 to 0.33, models/glm5next/common/multimodal.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.sources.model_config.families.blocks import column, gated_mlp, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rotary_table
from vllm_costmeter.sources.model_config.towers.parts import vision_section


def glm5_next_vision(source: Source) -> tuple[Part, ...]:
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    out = vision.int("out_hidden_size", minimum=1)
    inner = vision.int("projection_intermediate_size", minimum=1)
    merge = vision.int("spatial_merge_size", default=2, minimum=1)
    pixels = (
        vision.int("in_channels", default=3, minimum=1)
        * vision.int("temporal_patch_size", default=2, minimum=1)
        * vision.int("patch_size", minimum=1) ** 2
    )
    size = width // heads
    block = (
        *norms(width, "norm1", "norm2"),
        *norms(size, "attn.q_norm", "attn.k_norm"),
        Linear("attn.qkv", width, (Output(heads, size),) * 3, "column", bias=True),
        row("attn.proj", width, width, True),
        *gated_mlp("mlp", width, vision.int("intermediate_size", minimum=1), True),
    )
    half = RopeParameters("default", None, None, 0.5, False, "glm5next vision")
    return (
        Tensor("visual.patch_embed.proj", width * (pixels + 1)),
        rotary_table(size, source.max_position, half),
        Repeated("visual.blocks", block, depth),
        Tensor("visual.downsample", out * (width * merge**2 + 1)),
        *norms(width, "visual.post_layernorm"),
        column("visual.merger.proj", out, out),
        *norms(out, "visual.merger.post_projection_norm", bias=True),
        *gated_mlp("visual.merger", out, inner),
    )
