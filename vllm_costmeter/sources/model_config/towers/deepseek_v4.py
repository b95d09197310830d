"""DeepSeek V4's and V4.1's tower: gated blocks over patches and an aligner of merged patches (vLLM 0.30 to 0.33,
models/deepseek_v4/common/vision.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import split_attention


def deepseek_v4_vision(source: Source) -> tuple[Part, ...]:
    """Four vectors frame the patches; a file that counts no blocks has no tower."""
    text, hidden = source.text, source.hidden_size
    depth = text.int("vision_n_layers", default=0, maximum=MAX_LAYERS)
    if not depth:
        return ()
    width = text.int("vision_dim", default=1024, minimum=1)
    heads = text.int("vision_n_heads", default=16, minimum=1)
    inner = text.int("vision_inter_dim", default=2816, minimum=1)
    pixels = 3 * text.int("vision_patch_size", default=14, minimum=1) ** 2
    merged = width * text.int("vision_downsample_ratio", default=3, minimum=1) ** 2
    block = (
        *norms(width, "norm1", "norm2"),
        *split_attention("attn.wqkv", "attn.wo", width, heads, width // heads),
        Linear("mlp.w1", width, (Output(inner), Output(inner)), "column"),
        row("mlp.w2", inner, width),
    )
    return (
        replicated("vision.patch_embed.proj", pixels, width, bias=True),
        Repeated("vision.blocks", block, depth),
        *norms(width, "vision.norm"),
        column("aligner.w1", merged, hidden, bias=True),
        row("aligner.w2", hidden, hidden, bias=True),
        Tensor("image_start, image_end, image_newline, image_pad", 4 * hidden, element_bytes=FLOAT32_BYTES),
    )
