"""Clef's decision models: Qwen 3.5 or Qwen 3 Omni, and a head that scores the options of a schema (clef_omni.py of vLLM
0.32, clef_flash.py and clef_joint_schema.py of 0.33)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Repeated, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import norms
from vllm_costmeter.sources.model_config.families.family import Builder
from vllm_costmeter.sources.model_config.families.multimodal.qwen import QWEN3_5, QWEN3_OMNI
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source

_QUESTION_TYPES = 3


def scoring(build: Builder) -> Builder:
    """The model as it is, its output head included, and the scoring head on every pipeline rank."""

    def with_head(source: Source) -> Weights:
        weights = build(source)
        return replace(weights, everywhere=(*weights.everywhere, *_head(source)))

    return with_head


def _head(source: Source) -> tuple[Part, ...]:
    config = source.root.optional_section("joint_head_config")
    if config is None:
        raise NotUnderstoodError(f"{source.root.name}: joint_head_config is missing, so the head has no size")
    hidden, width = config.int("hidden_size", minimum=1), config.int("width", minimum=1)
    inner = config.int("feedforward", minimum=1)
    attends = Tensor("attention", 4 * width, width + 1)
    mlp = Tensor("feedforward", 2 * width * inner + inner + width)
    evidence = (attends, mlp, *norms(width, "query_norm", "memory_norm", "feedforward_norm", bias=True))
    layer = (attends, attends, mlp, *norms(width, "norm1", "norm2", "norm3", bias=True))
    name = "pooler.head"
    return (
        *norms(hidden, f"{name}.hidden_norm", bias=True),
        Tensor(f"{name}.projections", 6 * hidden, width),
        Tensor(f"{name}.type_embedding", _QUESTION_TYPES, width),
        Repeated(f"{name}.evidence_layers", evidence, config.int("routing_layers", maximum=MAX_LAYERS)),
        Repeated(f"{name}.layers", layer, config.int("layers", maximum=MAX_LAYERS)),
        *norms(width, "option_summary_norm", "field_norm", "option_norm", bias=True),
        Tensor(f"{name}.residual_scorer", 4 * width * width + 2 * width + 1),
        Tensor(f"{name}.scales", 3),
    )


CLEF_FLASH = replace(QWEN3_5, build=scoring(QWEN3_5.build), is_pooling=True, prediction=None)
CLEF_OMNI = replace(QWEN3_OMNI, build=scoring(QWEN3_OMNI.build), is_pooling=True)
