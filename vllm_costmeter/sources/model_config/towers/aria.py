"""Aria's tower: Idefics 3's before a projector whose queries attend to the patches (vLLM 0.32, aria.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.parts import vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip


def aria(source: Source) -> tuple[Part, ...]:
    """Two matrices of the projector are divided, its attention is whole on every rank."""
    width, hidden, name = (
        vision_section(source).int("hidden_size", minimum=1),
        source.hidden_size,
        "multi_modal_projector",
    )
    attention = f"{name}.cross_attn"
    return (
        *siglip(source, has_post_norm=False, has_position_ids=False, name="vision_tower"),
        Tensor(f"{name}.query", _queries(source) * width),
        *(
            replicated(f"{attention}.{part}", width, width, quantized=False)
            for part in ("q_proj", "k_proj", "v_proj")
        ),
        replicated(f"{attention}.multihead_attn.in_proj", width, 3 * width, bias=True, quantized=False),
        replicated(f"{attention}.multihead_attn.out_proj", width, width, bias=True, quantized=False),
        replicated(f"{attention}.linear", width, width, bias=True, quantized=False),
        *norms(
            width, f"{attention}.layer_norm", f"{attention}.layer_norm_kv", f"{name}.layer_norm", bias=True
        ),
        Tensor(f"{name}.feed_forward.linear_in", hidden, width, split=True),
        Tensor(f"{name}.feed_forward.linear_out", hidden, hidden, split=True),
    )


def _queries(source: Source) -> int:
    """The most queries that any number of patches is given; transformers' AriaConfig knows two numbers."""
    counts = source.root.optional_section("projector_patch_to_query_dict")
    found = [128, 256] if counts is None else list(counts.values.values())
    if not found or not all(isinstance(count, int) and 0 < count <= 1 << 20 for count in found):
        raise BadInputError(f"{source.root.name}: projector_patch_to_query_dict must hold numbers of queries")
    return max(found)
