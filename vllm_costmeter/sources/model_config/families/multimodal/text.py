"""The language model behind a tower, where the file names which (vLLM's `init_vllm_registered_model`)."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import llama, qwen2
from vllm_costmeter.sources.model_config.families.family import Builder, Family
from vllm_costmeter.sources.model_config.families.source import Source

_CAUSAL_LM = {
    "deepseek_v3": "DeepseekV3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "gpt_oss": "GptOssForCausalLM",
    "granite": "GraniteForCausalLM",
    "hyperclovax": "HyperCLOVAXForCausalLM",
    "internlm2": "InternLM2ForCausalLM",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_5": "Qwen3_5ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
}
"""What vLLM takes for a text section without `architectures` (transformers' MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)."""


def registered_text(source: Source) -> Weights:
    """The language model whose architecture the text section names, or that belongs to its `model_type`."""
    return _text_family(source).build(source)


def predicted_text(source: Source, target: Weights, count: int) -> Weights | None:
    """The prediction layers of that language model; None where it has none, or they are not known."""
    prediction = _text_family(source).prediction
    return None if prediction is None else prediction(source, target, count)


def _text_family(source: Source) -> Family:
    from vllm_costmeter.sources.model_config.families.registry import served_by

    names = source.text.optional_list("architectures")
    model_type = source.text.optional_str("model_type") or ""
    name = names[0] if names else _CAUSAL_LM.get(model_type)
    if not isinstance(name, str):
        raise NotUnderstoodError(
            f"{source.root.name}: a language model of type {model_type[:40]!r} behind this tower is not known"
        )
    served, family = served_by(name)
    if family.tower is not None:
        raise NotUnderstoodError(f"{source.root.name}: {served} behind this tower is no language model")
    return family


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
