"""What vision towers are built of. Most divide heads and MLPs by tensor parallelism; patch embeddings, norms and the
towers that vLLM borrows from transformers are whole on every rank. Every pipeline rank holds a tower."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Linear, Part
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

INT64_BYTES = 8
ROPE_POSITIONS = 8192  # table length that the Qwen VL models and glm4_1v.py of vLLM 0.32 pass to get_rope


def vision_section(source: Source) -> ConfigReader:
    whole = source.root.optional_section("vlm_config") or source.root  # Alpamayo 2 wraps a Qwen3-VL
    section = whole.optional_section("vision_config")
    if section is None:
        raise NotUnderstoodError(f"{source.root.name}: vision_config is missing, so the tower has no size")
    return section


def used_layers(source: Source) -> int:
    """The tower's layers up to the deepest whose features are used (`vision_feature_layer`, -1: the last)."""
    depth = vision_section(source).int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    stated = source.root.raw("vision_feature_layer")
    used = [layer for layer in (stated if isinstance(stated, list) else [stated]) if isinstance(layer, int)]
    return min(max((layer if layer >= 0 else depth + layer + 1 for layer in used), default=depth), depth)


def split_attention(name: str, out: str, width: int, heads: int, head_size: int) -> tuple[Part, ...]:
    shares = (Output(heads, head_size),) * 3
    return (Linear(name, width, shares, "column", bias=True), row(out, heads * head_size, width, bias=True))


def two_layers(name: str, width: int, inner: int, first: str, second: str) -> tuple[Part, ...]:
    return (
        column(f"{name}.{first}", width, inner, bias=True),
        row(f"{name}.{second}", inner, width, bias=True),
    )


def plain(*parts: Part) -> tuple[Part, ...]:
    """Matrices that vLLM builds without the checkpoint's quantization."""
    return tuple(replace(part, quantized=False) if isinstance(part, Linear) else part for part in parts)


def frequencies(name: str, head_size: int) -> Buffer:
    """Inverse frequencies of two-dimensional rotary positions: each axis rotates half of a head."""
    return Buffer(name, (head_size // 2 + 1) // 2, FLOAT32_BYTES)
