"""The language model behind a tower, where the file names which (vLLM's `init_vllm_registered_model`)."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import llama, qwen2
from vllm_costmeter.sources.model_config.families.family import Builder
from vllm_costmeter.sources.model_config.families.source import Source


def text_of(builders: Mapping[str, Builder], default: str = "") -> Builder:
    """The language model that the file's text section names by its `model_type`; vLLM builds it by its own class
    (`init_vllm_registered_model`)."""

    def build(source: Source) -> Weights:
        model_type = source.text.optional_str("model_type") or default
        if model_type not in builders:
            raise NotUnderstoodError(
                f"{source.root.name}: a language model of type {model_type[:40]!r} behind this tower is not known"
            )
        return builders[model_type](source)

    return build


llama_or_qwen = text_of({"llama": llama, "mistral": llama, "qwen2": qwen2})
