"""DeepSeek V4's and V4.1's tower: gated blocks over patches and an aligner of merged patches (vLLM 0.30 to 0.33,
models/deepseek_v4/common/vision.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Linear, Part, Repeated, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import split_attention


def deepseek_v4_vision(source: Source) -> tuple[Part, ...]:
    """Four vectors frame the patches; a file that counts no blocks has no tower."""
    text = source.text
    depth = text.int("vision_n_layers", default=0, maximum=MAX_LAYERS)
    if not depth:
        return ()
    return _tower(
        source,
        depth,
        width=text.int("vision_dim", default=1024, minimum=1),
        heads=text.int("vision_n_heads", default=16, minimum=1),
        inner=text.int("vision_inter_dim", default=2816, minimum=1),
        patch=text.int("vision_patch_size", default=14, minimum=1),
        side=text.int("vision_downsample_ratio", default=3, minimum=1),
        framing="image_start, image_end, image_newline, image_pad",
    )


def deepseek_v41_vision(source: Source) -> tuple[Part, ...]:
    """The same sizes in a section of their own, three vectors, and an aligner even without blocks."""
    vision = source.root.optional_section("vision_config") or ConfigReader({}, source.root.name)
    return _tower(
        source,
        vision.int("num_hidden_layers", default=0, maximum=MAX_LAYERS),
        width=vision.int("hidden_size", default=1024, minimum=1),
        heads=vision.int("num_attention_heads", default=16, minimum=1),
        inner=vision.int("intermediate_size", default=2816, minimum=1),
        patch=vision.int("patch_size", default=14, minimum=1),
        side=vision.int("downsample_ratio", default=3, minimum=1),
        framing="image_start, image_end, image_newline",
    )


def _tower(
    source: Source, depth: int, *, width: int, heads: int, inner: int, patch: int, side: int, framing: str
) -> tuple[Part, ...]:
    hidden = source.hidden_size
    block = (
        *norms(width, "norm1", "norm2"),
        *split_attention("attn.wqkv", "attn.wo", width, heads, width // heads),
        Linear("mlp.w1", width, (Output(inner), Output(inner)), "column"),
        row("mlp.w2", inner, width),
    )
    return (
        replicated("vision.patch_embed.proj", 3 * patch**2, width, bias=True),
        Repeated("vision.blocks", block, depth),
        *norms(width, "vision.norm"),
        column("aligner.w1", width * side**2, hidden, bias=True),
        row("aligner.w2", hidden, hidden, bias=True),
        Tensor(framing, (framing.count(",") + 1) * hidden, element_bytes=FLOAT32_BYTES),
    )
