"""Towers of models that read documents: PaddleOCR-VL and dots.ocr (vLLM 0.32, paddleocr_vl.py, dots_ocr.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Buffer, Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_MERGED = 4  # patches that PaddleOCR-VL's projector joins into one, whatever the file says


def paddleocr_vl(source: Source) -> tuple[Part, ...]:
    """SigLIP with rotary positions, and a projector that every rank holds whole."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    merged = _MERGED * width
    frequencies = (width // heads // 2 + 1) // 2
    return (
        *siglip(source, name="visual.vision_model"),
        Buffer("visual.vision_model.encoder.rotary_pos_emb", frequencies, FLOAT32_BYTES),
        *norms(width, "mlp_AR.pre_norm", bias=True),
        replicated("mlp_AR.linear_1", merged, merged, bias=True, quantized=False),
        replicated("mlp_AR.linear_2", merged, source.hidden_size, bias=True, quantized=False),
    )


def dots_ocr(source: Source) -> tuple[Part, ...]:
    """A ViT of gated MLPs and RMS norms; its merger is never quantized."""
    vision = vision_section(source)
    width, heads = (
        vision.int("embed_dim", default=1536, minimum=1),
        vision.int("num_attention_heads", default=12, minimum=1),
    )
    inner = vision.int("intermediate_size", default=4224, minimum=1)
    out = vision.int("hidden_size", default=1536, minimum=1)
    depth = vision.int("num_hidden_layers", default=42, minimum=1, maximum=MAX_LAYERS)
    merged = width * vision.int("spatial_merge_size", default=2, minimum=1) ** 2
    pixels = (
        vision.int("num_channels", default=3, minimum=1)
        * vision.int("patch_size", default=14, minimum=1) ** 2
    )
    bias = vision.bool("use_bias", default=False)
    shares = (Output(heads, width // heads),) * 3
    block = (
        *norms(width, "norm1", "norm2"),
        Linear("attn.qkv", width, shares, "column", bias=bias),
        row("attn.proj", width, width, bias=bias),
        column("mlp.fc13", width, inner, inner, bias=bias, fused_from=("fc1", "fc3")),
        row("mlp.fc2", inner, width, bias=bias),
    )
    name = "vision_tower"
    return (
        Tensor(f"{name}.patch_embed", width * (pixels + 1)),
        *norms(width, f"{name}.patch_embed.norm"),
        *norms(width, f"{name}.merger.ln_q", bias=True),
        *(norms(width, f"{name}.post_trunk_norm") if vision.bool("post_norm", default=True) else ()),
        Repeated(f"{name}.blocks", block, depth),
        replace(column(f"{name}.merger.mlp.0", merged, merged, bias=True), quantized=False),
        replace(row(f"{name}.merger.mlp.2", merged, out, bias=True), quantized=False),
    )
