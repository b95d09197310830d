"""The towers of Step 3 and of Step-VL and 3.7 (vLLM 0.32, step3_vl.py and step_vl.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import (
    INT64_BYTES,
    split_attention,
    two_layers,
    vision_section,
)

_STEP5 = {
    "patch_size": 14,
    "width": 1536,
    "layers": 47,
    "heads": 16,
    "mlp_ratio": 8960 / 1536,
    "ls_init_value": 0.1,
    "image_size": 728,
    "use_abs_posemb": True,
    "use_rope2d": True,
    "use_ln_pre": True,
}
"""PerceptionEncoderConfig of transformers_utils/configs/step5.py, vLLM 0.33."""


def perception_encoder(source: Source) -> tuple[Part, ...]:
    """Two convolutions after the blocks, then one divided projection."""
    return _encoder(source, vision_section(source))


def step5_encoder(source: Source) -> tuple[Part, ...]:
    """The same, with the defaults of vLLM's own class of its section."""
    stated = vision_section(source)
    return _encoder(source, ConfigReader({**_STEP5, **stated.values}, stated.name, stated.path))


def _encoder(source: Source, vision: ConfigReader) -> tuple[Part, ...]:
    width, heads = vision.int("width", minimum=1), vision.int("heads", minimum=1)
    inner = int(width * vision.float("mlp_ratio", default=4.0))
    patch, image = vision.int("patch_size", minimum=1), vision.int("image_size", minimum=1)
    depth = vision.int("layers", minimum=1, maximum=MAX_LAYERS)
    has_class = vision.bool("use_cls_token", default=False)
    tokens = (image // patch) ** 2 + has_class
    scales = norms(width, "ls_1", "ls_2") if vision.raw("ls_init_value") is not None else ()
    block = (
        *split_attention("attn.qkv_proj", "attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, "ln_1", "ln_2", bias=True),
        *scales,
        Buffer("attn.rope.freqs_cache", tokens * (width // heads), FLOAT32_BYTES),
    )
    edges = [key for key in ("use_ln_pre", "use_ln_post") if vision.bool(key, default=key == "use_ln_pre")]
    positions = tokens if vision.bool("use_abs_posemb", default=True) else 0
    return (
        Tensor("vision_model.conv1", 3 * patch**2 * width),
        *norms(width, *edges, bias=True),
        Tensor("vision_model.positional_embedding", (positions + has_class) * width),
        Repeated("vision_model.transformer.resblocks", block, depth),
        Tensor("vision_model.vit_downsampler1", 2 * width * (9 * width + 1)),
        Tensor("vision_model.vit_downsampler2", 4 * width * (9 * 2 * width + 1)),
        column(
            "vit_large_projector",
            4 * width,
            source.hidden_size,
            bias=source.root.bool("projector_bias", default=False),
        ),
    )


def step3_vision(source: Source) -> tuple[Part, ...]:
    """Convolutions halve the grid twice before one projection that every rank holds whole."""
    vision = vision_section(source)
    width = vision.int("hidden_size", default=1792, minimum=1)
    wide = vision.int("output_hidden_size", default=4096, minimum=1)
    heads = vision.int("num_attention_heads", default=16, minimum=1)
    inner = vision.int("intermediate_size", default=3072, minimum=1)
    depth = vision.int("num_hidden_layers", default=63, minimum=1, maximum=MAX_LAYERS)
    patch = vision.int("patch_size", default=14, minimum=1)
    patches = (vision.int("image_size", default=728, minimum=1) // patch) ** 2
    block = (
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
    )
    has_bias = source.root.bool("projector_bias", default=False)
    hidden = source.hidden_size
    return (
        Tensor("vision_model.embeddings", width * (1 + 3 * patch**2 + 1 + patches + 1)),
        Buffer("vision_model.embeddings.position_ids", patches + 1, INT64_BYTES),
        Repeated("vision_model.transformer.layers", block, depth),
        Tensor("vit_downsampler", wide * (4 * width + 1)),
        Tensor("vit_downsampler2", 2 * wide * (9 * wide + 1)),
        Tensor("vit_large_projector", hidden * (2 * wide + has_bias)),
    )
