"""The towers of PaddleOCR-VL, Keye-VL (paddleocr_vl.py, keye.py, keye_vl1_5.py) and dots.ocr, in vLLM 0.32."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import frequencies, vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_MERGED = 4  # patches that the projectors of PaddleOCR-VL and Keye-VL join into one, whatever the file says

_PACKED_POSITIONS = 32768  # rows of Keye-VL's table, whatever the file says


def paddleocr_vl(source: Source) -> tuple[Part, ...]:
    """SigLIP with rotary positions, and a projector that every rank holds whole."""
    width = vision_section(source).int("hidden_size", minimum=1)
    merged = _MERGED * width
    return (
        *_rotated_siglip(source),
        *norms(width, "mlp_AR.pre_norm", bias=True),
        replicated("mlp_AR.linear_1", merged, merged, bias=True, quantized=False),
        replicated("mlp_AR.linear_2", merged, source.hidden_size, bias=True, quantized=False),
    )


def keye(source: Source) -> tuple[Part, ...]:
    """Keye-VL: SigLIP with rotary positions and a table for packed images, and a divided projector."""
    return _keye(source, norm_patches=1)


def keye_vl1_5(source: Source) -> tuple[Part, ...]:
    """Keye-VL 1.5 normalizes patches after they are merged."""
    return _keye(source, norm_patches=_MERGED)


def _keye(source: Source, norm_patches: int) -> tuple[Part, ...]:
    width = vision_section(source).int("hidden_size", minimum=1)
    merged = _MERGED * width
    return (
        *_rotated_siglip(source),
        Tensor("visual.vision_model.embeddings.packing_position_embedding", _PACKED_POSITIONS * width),
        *norms(norm_patches * width, "mlp_AR.pre_norm", bias=True),
        column("mlp_AR.linear_1", merged, merged, bias=True),
        row("mlp_AR.linear_2", merged, source.hidden_size, bias=True),
    )


def _rotated_siglip(source: Source) -> tuple[Part, ...]:
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    return (
        *siglip(source, name="visual.vision_model"),
        frequencies("visual.vision_model.encoder.rotary_pos_emb", width // heads),
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
    block: tuple[Part, ...] = (
        *norms(width, "norm1", "norm2"),
        Linear("attn.qkv", width, shares, "column", bias=bias),
        row("attn.proj", width, width, bias=bias),
        column("mlp.fc13", width, inner, inner, bias=bias, fused_from=("fc1", "fc3")),
        row("mlp.fc2", inner, width, bias=bias),
    )
    name = "vision_tower"
    return (
        Tensor(f"{name}.patch_embed", width * (pixels + 1)),
        frequencies(f"{name}.rotary_pos_emb", width // heads),
        *norms(width, f"{name}.patch_embed.norm"),
        *norms(width, f"{name}.merger.ln_q", bias=True),
        *(norms(width, f"{name}.post_trunk_norm") if vision.bool("post_norm", default=True) else ()),
        Repeated(f"{name}.blocks", block, depth),
        replace(column(f"{name}.merger.mlp.0", merged, merged, bias=True), quantized=False),
        replace(row(f"{name}.merger.mlp.2", merged, out, bias=True), quantized=False),
    )
