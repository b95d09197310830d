"""vLLM's name of an architecture -> how its weights are read from config.json."""

from __future__ import annotations

from dataclasses import replace

from vllm_costmeter.core.errors import NotUnderstoodError, nearest
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.architectures.architecture import Architecture
from vllm_costmeter.sources.model_config.architectures.conversion import converted_from
from vllm_costmeter.sources.model_config.architectures.source import Source
from vllm_costmeter.sources.model_config.architectures.table_multimodal import MULTIMODAL
from vllm_costmeter.sources.model_config.architectures.table_pooling import POOLING
from vllm_costmeter.sources.model_config.architectures.table_text import TEXT

ARCHITECTURES: dict[str, Architecture] = {**TEXT, **MULTIMODAL, **POOLING}


def served_by(name: str) -> tuple[str, Architecture]:
    """(the name of the table under which vLLM serves `name`, how it is built): a name of the table by itself, another
    by the model that its suffix points to, converted for pooling.

    NotUnderstoodError for an architecture whose weights we have no rules for.
    """
    if name in ARCHITECTURES:
        return name, ARCHITECTURES[name]
    found = converted_from(name, ARCHITECTURES)
    if found is None:
        raise NotUnderstoodError(
            f"architecture {name[:60]!r}: its weights are not known{nearest(name, ARCHITECTURES)}"
        )
    base, conversion = found
    served = ARCHITECTURES[base]
    if conversion is None or served.is_pooling:
        return base, served
    return base, replace(served, build=conversion(served.build), is_pooling=True)


def build_weights(source: Source, architecture: Architecture) -> Weights:
    """The unquantized weights of a whole checkpoint, vision tower included."""
    if architecture.tower is None:
        return architecture.build(source)
    weights = architecture.build(replace(source, prefix="language_model."))
    return replace(
        weights,
        towers=architecture.tower(source),
        tower_inputs=architecture.inputs,
        plain_towers=architecture.tower_is_plain,
    )
