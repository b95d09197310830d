"""Moondream 3's ViT and the projection of a whole image beside its crops (vLLM 0.32, moondream3.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import split_attention, two_layers


def moondream3(source: Source) -> tuple[Part, ...]:
    """Defaults: Moondream3VisionConfig of vLLM 0.32."""
    stated = source.root.optional_section("config")
    vision = None if stated is None else stated.optional_section("vision")
    vision = vision or ConfigReader({}, source.root.name)
    width, heads = (
        vision.int("enc_dim", default=1152, minimum=1),
        vision.int("enc_n_heads", default=16, minimum=1),
    )
    patch = vision.int("enc_patch_size", default=14, minimum=1)
    patches = (vision.int("crop_size", default=378, minimum=1) // patch) ** 2
    inner = vision.int("enc_ff_dim", default=4304, minimum=1)
    block = (
        *norms(width, "ln1", "ln2", bias=True),
        *split_attention("attn.qkv_proj", "attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
    )
    depth = vision.int("enc_n_layers", default=27, minimum=1, maximum=MAX_LAYERS)
    return (
        Tensor("vision.embeddings", width * (3 * patch**2 + 1 + patches)),
        Repeated("vision.blocks", block, depth),
        *norms(width, "vision.post_ln", bias=True),
        *_projection(width, vision.int("proj_inner_dim", default=8192, minimum=1), source.hidden_size),
    )


def _projection(width: int, inner: int, hidden: int) -> tuple[Part, ...]:
    return (
        column("vision_proj.fc1", 2 * width, inner, bias=True),
        row("vision_proj.fc2", inner, hidden, bias=True),
    )
