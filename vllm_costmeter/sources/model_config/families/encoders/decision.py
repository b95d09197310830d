"""Decision 3.0: Qwen 3.5 with a score per answer code instead of its head (vLLM 0.33, d3.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.hybrid.qwen_next import qwen3_5
from vllm_costmeter.sources.model_config.families.multimodal.qwen import QWEN3_5
from vllm_costmeter.sources.model_config.families.pooling import classifier
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader


def decision3(source: Source) -> Weights:
    """decision_config.json, which vLLM reads beside config.json, states the codes, and whether tokens see each other
    both ways in layers of full attention: these cache nothing then."""
    root, decision = source.root, source.root.optional_section("decision_config")
    codes = None if decision is None else decision.raw("codes")
    if decision is None or not isinstance(codes, dict | list) or not codes:
        raise NotUnderstoodError(
            f"{root.name}: decision_config.json is missing beside it, or lists no codes: vLLM refuses the model"
        )
    labelled = ConfigReader({**root.values, "num_labels": len(codes)}, root.name, root.path, root.defaults)
    weights = classifier(qwen3_5)(replace(source, root=labelled))
    if decision.raw("attention_mode") in (None, "causal"):
        return weights
    both_ways = {id(layer): _both_ways(layer) for layer in weights.layers}
    return replace(weights, layers=tuple(both_ways[id(layer)] for layer in weights.layers))


def _both_ways(layer: Layer) -> Layer:
    kept = tuple(cache for cache in layer.caches if not isinstance(cache, FullAttention))
    return replace(layer, caches=kept)


DECISION3 = replace(QWEN3_5, build=decision3, is_pooling=True, prediction=None)
