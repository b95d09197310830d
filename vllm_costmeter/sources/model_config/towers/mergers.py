"""Towers that end in Qwen2-VL's merger of patches: LLaVA-OneVision 2 (llava_onevision2.py) and openPangu-VL
(openpangu_vl.py), in vLLM 0.32."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, gated_mlp, mlp, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import split_attention, two_layers, vision_section

_TAPPED = 2  # layers whose features openPangu-VL merges where the file does not list them (-1 and -3)


def llava_onevision2(source: Source) -> tuple[Part, ...]:
    """A ViT with rotary positions in time, height and width; vLLM refuses a quantized one."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    pixels = vision.int("num_channels", default=3, minimum=1) * vision.int("patch_size", minimum=1) ** 2
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention("self_attn.qkv", "self_attn.proj", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    return (
        Tensor("visual.embeddings.patch_embedding", width * pixels),
        *norms(width, "visual.layernorm_pre", bias=True),
        Buffer("visual.rotary_pos_emb", width // heads // 2, FLOAT32_BYTES),
        Repeated("visual.encoder.layers", block, depth),
        *_merger(vision, "visual.merger", width, source.hidden_size, bias=True),
    )


def openpangu_vl(source: Source) -> tuple[Part, ...]:
    """A merger for each layer whose features are used, and one projection behind all."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    inner, out = vision.int("intermediate_size", minimum=1), vision.int("out_hidden_size", minimum=1)
    gated = vision.raw("hidden_act") == "silu"
    block = (
        *norms(width, "norm1", "norm2"),
        *split_attention("attn.qkv", "attn.proj", width, heads, width // heads),
        *(gated_mlp if gated else mlp)("mlp", width, inner, bias=True),
    )
    pixels = (
        vision.int("in_channels", default=3, minimum=1)
        * vision.int("temporal_patch_size", minimum=1)
        * vision.int("patch_size", minimum=1) ** 2
    )
    tapped = vision.optional_list("mm_unit_vision_select_layer")
    count = _TAPPED if tapped is None else len(tapped)
    return (
        Tensor("visual.patch_embed.proj", width * pixels),
        Repeated("visual.blocks", block, vision.int("depth", minimum=1, maximum=MAX_LAYERS)),
        *norms(width, "visual.final_layernorm"),
        Repeated("visual.merger", _merger(vision, "", width, out, bias=False), count),
        replicated("visual.vision_projection.fc1", out, source.hidden_size, bias=True, quantized=False),
    )


def _merger(vision: ConfigReader, name: str, width: int, out: int, *, bias: bool) -> tuple[Part, ...]:
    start = f"{name}." if name else ""
    merged = width * vision.int("spatial_merge_size", default=2, minimum=1) ** 2
    return (
        *norms(width, f"{start}ln_q", bias=bias),
        column(f"{start}mlp.0", merged, merged, bias=True),
        row(f"{start}mlp.2", merged, out, bias=True),
    )
