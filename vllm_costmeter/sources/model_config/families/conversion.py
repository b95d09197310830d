"""Names that vLLM's registry does not hold, and the model that serves them: `_normalize_arch` and
`_SUFFIX_TO_DEFAULTS` of vLLM 0.32."""

from __future__ import annotations

from collections.abc import Callable, Container

from vllm_costmeter.sources.model_config.families.family import Builder
from vllm_costmeter.sources.model_config.families.pooling import classifier, embedder

_SUFFIXES: tuple[tuple[str, Callable[[Builder], Builder] | None], ...] = (
    ("ForCausalLM", None),
    ("ForConditionalGeneration", None),
    ("ChatModel", None),
    ("LMHeadModel", None),
    ("ForTextEncoding", embedder),
    ("EmbeddingModel", embedder),
    ("ForSequenceClassification", classifier),
    ("ForTokenClassification", classifier),
    ("ForAudioClassification", classifier),
    ("ForImageClassification", classifier),
    ("ForVideoClassification", classifier),
    ("ClassificationModel", classifier),
    ("ForRewardModeling", embedder),
    ("RewardModel", embedder),
    ("Model", embedder),
)

POOLING_SUFFIXES = tuple(suffix for suffix, conversion in _SUFFIXES if conversion is not None)


def converted_from(
    name: str, known: Container[str]
) -> tuple[str, Callable[[Builder], Builder] | None] | None:
    """(the model of `known` that serves `name`, how its building changes); None where there is none."""
    for suffix, conversion in _SUFFIXES:
        if name.endswith(suffix):
            bases = (name.replace(suffix, other) for other, _ in _SUFFIXES)
            base = next((base for base in bases if base in known), None)
            return None if base is None else (base, conversion)
    return None
