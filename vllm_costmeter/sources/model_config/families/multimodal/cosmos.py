"""NVIDIA's Cosmos 3, as far as vLLM serves it: the part that understands (vLLM 0.32, cosmos3.py, cosmos3_edge.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, column, mlp, norms, row
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.multimodal.qwen import BOTH, QWEN3_VL
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_EDGE_NAMES = (
    ("model.visual.", "visual.encoder."),
    ("model.projector.", "visual.projector."),
    ("lm_head.", "language_model.lm_head."),
    ("model.language_model.", "language_model.model."),
)
_PAIR = ("full_attention", "mlp")
_KINDS = frozenset({"attention", *_PAIR})


def cosmos3_edge(source: Source) -> Weights:
    """Nemotron-H without a mixer of Mamba: each layer is attention, with rotary positions, or an MLP. The file counts a
    pair of both as one layer."""
    text, hidden = source.text, source.hidden_size
    stated = text.optional_list("layers_block_type") or list(_PAIR) * source.num_layers
    if set(map(str, stated)) - _KINDS:
        raise BadInputError(f"{text.name}: layers_block_type may hold {', '.join(sorted(_KINDS))} alone")
    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(text))
    matrices = mlp("mixer", hidden, source.intermediate_size, bias=text.bool("mlp_bias", default=False))
    layers = each_kind(
        (kind == "mlp" for kind in stated),
        lambda is_mlp: layer_of(
            *(matrices if is_mlp else attention(source, "mixer", rotary)), *norms(hidden, "norm")
        ),
    )
    return language_model(source, layers, tied=False, on_every_rank=EDGES)


def cosmos3_edge_image(source: Source) -> tuple[Part, ...]:
    """SigLIP 2 before a projector whose sizes stand in a section of their own."""
    section = source.root.optional_section("projector_config")
    if section is None:
        raise NotUnderstoodError(
            f"{source.root.name}: projector_config is missing, so the projector has no size"
        )
    seen, projector = section.int("input_hidden_size", minimum=1), "visual.projector"
    merged = seen * section.int("spatial_merge_size", default=2, minimum=1) ** 2
    inner = section.int("merger_intermediate_size", minimum=1)
    normed = merged if section.bool("use_postshuffle_norm", default=False) else seen
    return (
        *siglip(source, has_position_ids=False, name="visual.encoder"),
        *norms(normed, f"{projector}.norm", bias=True),
        column(f"{projector}.linear_fc1", merged, inner, bias=True),
        row(f"{projector}.linear_fc2", inner, section.int("out_hidden_size", minimum=1), bias=True),
    )


COSMOS3 = QWEN3_VL
COSMOS3_EDGE = Family(cosmos3_edge, cosmos3_edge_image, _EDGE_NAMES, BOTH)
