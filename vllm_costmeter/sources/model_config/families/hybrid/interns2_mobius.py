"""Intern-S2-Mobius: Qwen 3.5's layers, which share a few banks of routed experts (vLLM 0.32, interns2_mobius.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import AttentionScales, Experts, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.hybrid.qwen_next import prediction as qwen_prediction
from vllm_costmeter.sources.model_config.families.hybrid.qwen_next import qwen3_5
from vllm_costmeter.sources.model_config.families.moe.qwen import qwen_experts
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

_BANK = ("mlp.gate", "mlp.experts")


def mobius(source: Source) -> Weights:
    """`num_blocks` banks of experts on every pipeline rank; a layer has the shared expert alone."""
    text, hidden = source.text, source.hidden_size
    tied = text.bool("tie_word_embeddings", default=False)  # whatever the root says
    root = {**source.root.values, "tie_word_embeddings": tied}
    weights = qwen3_5(replace(source, root=ConfigReader(root, source.root.name, source.root.path)))
    scales: tuple[Part, ...] = ()
    if text.bool("layer_scale", default=False):
        scales = (Tensor("attn_layer_scale", hidden), Tensor("ffn_layer_scale", hidden))
    built: dict[int, Layer] = {}
    for layer in weights.layers:
        own = tuple(part for part in layer.parts if getattr(part, "name", "") not in _BANK)
        built.setdefault(id(layer), replace(layer, parts=(*own, *scales)))
    bank = [part for part in qwen_experts(source) if getattr(part, "name", "") in _BANK]
    banks = text.int("num_blocks", minimum=1, maximum=MAX_LAYERS)
    everywhere = tuple(
        replace(part, name=f"{source.prefix}model.meta_{part.name.replace('mlp', f'mlp.{index}', 1)}")
        for index in range(banks)
        for part in bank
        if not isinstance(part, AttentionScales)
    )
    return replace(
        weights,
        layers=tuple(built[id(layer)] for layer in weights.layers),
        everywhere=(*weights.everywhere, *everywhere),
    )


def prediction(source: Source, target: Weights, count: int) -> Weights | None:
    """Qwen 3.5's, with experts of their own: `mtp_num_experts` in each layer."""
    found = qwen_prediction(source, replace(target, layers=qwen3_5(source).layers), count)
    experts = source.text.int("mtp_num_experts", minimum=1)
    if found is None:
        return None
    return replace(found, layers=tuple(_with_experts(layer, experts) for layer in found.layers))


def _with_experts(layer: Layer, count: int) -> Layer:
    parts = (replace(part, count=count) if isinstance(part, Experts) else part for part in layer.parts)
    return replace(layer, parts=tuple(parts))
