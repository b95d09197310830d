"""`--model-impl transformers`: held against what vLLM 0.32 loads and caches there.

Each line of `transformers_vllm_0.32.jsonl` is a small configuration with bytes per pipeline rank, and the formats of
its layers' caches on one GPU; or vLLM's reason to refuse it (2026-11, `scripts/answers/transformers_backend.py`).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.attention import Cache, FullAttention, MlaLatent, SlidingWindow
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.transformers_backend import HELD, served_by_transformers
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

DATA = Path(__file__).parents[2] / "data"
H100 = GpuGroup("H100 SXM", round(79.19 * 2**30), compute_capability=(9, 0))
FAMILIES = {
    line["name"]: line["config"]
    for line in map(json.loads, (DATA / "families_vllm_0.32.jsonl").read_text().splitlines())
}
LINES: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "transformers_vllm_0.32.jsonl").read_text().splitlines()
]
SERVED = [line for line in LINES if line["answers"]]
KINDS = {
    FullAttention: "FullAttentionSpec",
    SlidingWindow: "SlidingWindowSpec",
    MlaLatent: "MLAAttentionSpec",
}


def config_of(line: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = line.get("config") or FAMILIES[line["family"]]
    return found


def served(line: dict[str, Any]) -> Model:
    return served_by_transformers(model_from_config(config_of(line), line["name"]))


def held(line: dict[str, Any]) -> bool:
    return config_of(line)["architectures"][0] in HELD


@pytest.mark.parametrize("line", filter(held, SERVED), ids=lambda line: line["name"])
def test_weights_are_what_vllm_builds(line: dict[str, Any]) -> None:
    """Per pipeline rank at TP 1, TP 2 and PP 2, to the byte but for a set of frequencies of two models."""
    model = served(line)
    for answer in line["answers"]:
        layout = ParallelConfig(
            answer.get("tensor_parallel_size", 1), answer.get("pipeline_parallel_size", 1)
        )
        ours = model.weights_bytes(EngineArgs(layout=layout))
        allowed = 128 if line["name"] in ("minimax-m2", "granite-swa") else 0
        assert ours == pytest.approx(answer["weights_bytes"], abs=allowed)


@pytest.mark.parametrize("line", filter(held, SERVED), ids=lambda line: line["name"])
def test_layers_cache_what_vllm_plans(line: dict[str, Any]) -> None:
    """Kind, bytes of a token and number of the layers."""
    theirs = Counter[tuple[str, int]]()
    for each in line["answers"][0]["layers"]:
        theirs[each["kind"], each["bytes_per_token"]] += each["count"]
    caches = [cache for layer in served(line).attention.layers for cache in layer]
    assert Counter((KINDS[type(cache)], _bytes(cache)) for cache in caches) == theirs


def _bytes(cache: Cache) -> int:
    if isinstance(cache, MlaLatent):
        return 2 * (cache.kv_lora_rank + cache.qk_rope_head_dim)
    assert isinstance(cache, (FullAttention, SlidingWindow))
    return 2 * cache.num_kv_heads * (cache.head_size + (cache.head_size_v or cache.head_size))


@pytest.mark.parametrize(
    "line",
    [line for line in LINES if not held(line) and line["name"] != "solar-open"],
    ids=lambda line: line["name"],
)
def test_what_was_not_held_against_vllm_or_is_refused_is_unknown(line: dict[str, Any]) -> None:
    """Never vLLM's own class's numbers for another's code."""
    why = served(line).not_understood
    assert why is not None
    assert "--model-impl transformers" in why


def test_a_check_counts_transformers_code() -> None:
    """The flag decides; without it the model's class of vLLM's."""
    line = next(line for line in LINES if line["name"] == "llama")
    model = model_from_config(config_of(line), "llama")
    by = {
        impl: assembled(
            model, H100, EngineArgs(model_impl=impl), release=release_of("0.32.0"), calibration="none"
        ).model
        for impl in ("auto", "vllm", "transformers")
    }
    weights = {impl: each.weights_bytes(EngineArgs())[0] for impl, each in by.items()}
    assert weights["auto"] == weights["vllm"]
    assert weights["transformers"] == line["answers"][0]["weights_bytes"][0] < weights["vllm"]
