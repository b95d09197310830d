"""A head whose file may leave its vocabulary out, or state another than the model's."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Embedding, Part
from vllm_costmeter.core.model.weights import Weights


def with_vocabulary(weights: Weights, vocab_size: int) -> Weights:
    """Its tables with a row per token of the model's."""

    def sized(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(
            replace(part, vocab_size=vocab_size) if isinstance(part, Embedding) else part for part in parts
        )

    kinds = {id(layer): replace(layer, parts=sized(layer.parts)) for layer in weights.layers}
    return replace(
        weights,
        layers=tuple(kinds[id(layer)] for layer in weights.layers),
        first=sized(weights.first),
        last=sized(weights.last),
    )
