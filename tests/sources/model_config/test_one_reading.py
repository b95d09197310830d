"""A file is read once: what a layer's matrices and its cache are made of never differs.

What vLLM answers for files that leave a key out, or state one that its class does not ask for, is recorded in
`families_vllm_0.32.jsonl` (gemma4-*, llama4-*, qwen35-default-*, granite4-*, nemotron-h-default-*, glm-dsa-pattern-*,
internvl-qwen3); here are the kinds behind them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import FullAttention, SlidingWindow
from vllm_costmeter.core.model.parts import Linear
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.families.registry import ARCHITECTURES, family_of

DATA = Path(__file__).parents[2] / "data"
FAMILIES: dict[str, dict[str, Any]] = {
    line["name"]: line["config"]
    for line in map(json.loads, (DATA / "families_vllm_0.32.jsonl").read_text().splitlines())
}
OF_HEADS = ("head", "kv", "key_value", "layer_types", "pattern", "window", "group", "rope")


def variants(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The file as it is, and without each of its keys that bear on heads or layers."""
    yield config
    for key in config:
        if any(word in key for word in OF_HEADS):
            yield {name: value for name, value in config.items() if name != key}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_heads_of_a_cache_are_those_of_the_matrix_that_fills_it(name: str) -> None:
    """For every family, whichever key its file leaves out: KV heads and their size are one number, or an error says
    what is missing."""
    for config in variants(FAMILIES[name]):
        try:
            weights = model_from_config(config, name).weights
        except (BadInputError, NotUnderstoodError):
            continue
        assert isinstance(weights, Weights)
        for layer in {id(layer): layer for layer in weights.layers}.values():
            heads = [
                (output.count, output.width)
                for part in layer.parts
                if isinstance(part, Linear) and part.name.endswith("qkv_proj")
                for output in part.outputs[1:2]
                if output.replicated
            ]
            cached = [
                (cache.num_kv_heads, cache.head_size)
                for cache in layer.caches
                if isinstance(cache, FullAttention | SlidingWindow)
            ]
            runs = (
                len(cached) // len(heads) if heads else 0
            )  # layers that run in a loop fill a cache each time
            assert not heads or not cached or heads * runs == cached


@pytest.mark.parametrize(
    "key",
    ["swa_num_attention_heads", "swa_num_key_value_heads", "swa_head_dim", "hybrid_layer_pattern"],
)
def test_mimo_v2_needs_the_keys_that_vllms_class_asks_for(key: str) -> None:
    """Its configuration class has no defaults for the window's heads: one answer, and it names the key."""
    config = {name: value for name, value in FAMILIES["mimo-v2"].items() if name != key}
    with pytest.raises(BadInputError, match=key):
        model_from_config(config, "config.json")


def test_gemma_2_is_gemma_2_whatever_its_file_calls_its_type() -> None:
    """vLLM goes by the architecture: four norms and a window in every other layer without a model_type too."""
    config = FAMILIES["paligemma2"]["text_config"]
    named = {**config, "architectures": ["Gemma2ForCausalLM"]}
    unnamed = {**named, "model_type": None, "tie_word_embeddings": True}
    ours, theirs = (model_from_config(values, "config.json") for values in (unnamed, named))
    assert ours.attention.layers == theirs.attention.layers
    assert ours.parameters == theirs.parameters


def test_the_cache_is_kept_in_the_dtype_that_the_model_is_served_in() -> None:
    """A file without a dtype is served in bfloat16, for pooling in float16: weights and cache alike."""
    for name, config in FAMILIES.items():
        silent = {key: value for key, value in config.items() if key not in {"dtype", "torch_dtype"}}
        model = model_from_config(silent, name)
        assert model.attention.dtype == model.dtype


def test_every_row_of_the_registry_leads_to_a_family() -> None:
    """Each name of the table imports."""
    for architecture in ARCHITECTURES:
        assert callable(family_of(architecture).build)


def test_a_language_model_behind_a_tower_that_has_no_rules_is_unknown() -> None:
    """InternVL around an unknown model is not guessed to be Qwen; a tower behind a tower is refused, not followed."""
    config = FAMILIES["internvl"]
    changed = {**config, "text_config": {**config["text_config"], "model_type": "unheard_of"}}
    del changed["text_config"]["architectures"]
    with pytest.raises(NotUnderstoodError, match="unheard_of"):
        model_from_config(changed, "config.json")
    changed["text_config"]["architectures"] = ["UnheardOfForCausalLM"]
    with pytest.raises(NotUnderstoodError, match="UnheardOf"):
        model_from_config(changed, "config.json")
    changed["text_config"]["architectures"] = ["InternVLChatModel"]
    with pytest.raises(NotUnderstoodError, match="no language model"):
        model_from_config(changed, "config.json")
