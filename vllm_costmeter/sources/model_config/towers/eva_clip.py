"""EVA2-CLIP as GLM-4V 9B carries it (vLLM 0.32, glm4v.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import split_attention, two_layers, vision_section


def eva_clip(source: Source) -> tuple[Part, ...]:
    """A convolution merges four patches into one, a gated projection as wide inside as the language model's MLP."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    pixels = vision.int("in_channels", minimum=1) * vision.int("patch_size", minimum=1) ** 2
    positions = vision.int("num_positions", minimum=1)
    hidden, inner, name = source.hidden_size, source.intermediate_size, "transformer.vision"
    block = (
        *norms(width, "input_layernorm", "post_attention_layernorm", bias=True),
        *split_attention("attention.query_key_value", "attention.dense", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    return (
        Tensor(f"{name}.patch_embedding", width * (pixels + 1 + 1 + positions)),
        Repeated(f"{name}.transformer.layers", block, depth),
        Tensor(f"{name}.conv", hidden * (width * 2**2 + 1)),
        Tensor(f"{name}.edges", 2 * hidden),
        replicated(f"{name}.linear_proj.linear_proj", hidden, hidden),
        *norms(hidden, f"{name}.linear_proj.norm1", bias=True),
        column(f"{name}.linear_proj.merged_proj", hidden, inner, inner),
        row(f"{name}.linear_proj.dense_4h_to_h", inner, hidden),
    )
