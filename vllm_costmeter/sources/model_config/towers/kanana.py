"""Kanana-V's tower: Qwen2-VL's before stages of a RegNet as the timm package builds them (vLLM 0.32, kanana_v.py).
Nothing of it is quantized."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.qwen_vl import qwen2_vl

_SQUEEZE = 0.25  # se_ratio of timm's Bottleneck


def kanana_v(source: Source) -> tuple[Part, ...]:
    section = source.root.optional_section("projector_config")
    if section is None:
        raise NotUnderstoodError(
            f"{source.root.name}: projector_config is missing, so the projector has no size"
        )
    seen, width = section.int("encoder_hidden_size", minimum=1), section.int("hidden_size", minimum=1)
    out, depth = section.int("output_hidden_size", minimum=1), section.int("depth", maximum=MAX_LAYERS)
    merged = width * section.int("merge_size", minimum=1) ** 2
    inputs = width if depth else seen
    more = section.int("mlp_depth", minimum=1, maximum=MAX_LAYERS) - 1
    positions = section.int("pos_emb_size") * seen if section.bool("pos_emb", default=False) else 0
    return (
        *qwen2_vl(source, has_merger=False),
        *((Tensor("abstractor.pos_emb", positions),) if positions else ()),
        *(
            (Tensor("abstractor.net", _stage(depth, seen, width) + _stage(depth, merged, width)),)
            if depth
            else ()
        ),
        Tensor("abstractor.readout", (inputs + 1) * out + more * (out + 1) * out),
    )


def _stage(depth: int, inputs: int, width: int) -> int:
    """Values of blocks of one stage: the first narrows its inputs, the others keep their width."""
    return _block(inputs, width) + (depth - 1) * _block(width, width)


def _block(inputs: int, width: int) -> int:
    """Three convolutions, the second per channel, each with a norm; a squeeze; a shortcut where widths differ."""
    squeezed = round(inputs * _SQUEEZE)
    convolutions = inputs * width + 9 * width + width**2 + 3 * 2 * width
    squeeze = 2 * width * squeezed + squeezed + width
    shortcut = inputs * width + 2 * width if inputs != width else 0
    return convolutions + squeeze + shortcut
