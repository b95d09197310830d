"""Every family against vLLM's own code, on configurations made small.

`families_vllm_*.jsonl` are written by `scripts/answers/families.py` (vLLM 0.32.0's model code for a pretended H100, on
the meta device, 2026-11; 0.33.0's for what only it serves, 0.23.0's for what later releases no longer do): weights and
layer kinds of each pipeline rank at TP 1, TP 2 and PP 2, where vLLM has them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.sizing import deployment
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

H100 = GpuGroup("H100 SXM", round(79.19 * 2**30), count=2, compute_capability=(9, 0))
LENGTH_TOKENS = 1024
DATA = Path(__file__).parents[2] / "data"
LINES = [
    (f"{version}.0", json.loads(line))
    for version in ("0.32", "0.33", "0.23")
    for line in (DATA / f"families_vllm_{version}.jsonl").read_text().splitlines()
]
NAMES = [line["name"] for _, line in LINES]
SECOND_VIEWS = frozenset(
    {
        "falcon-h1",
        "granite4-default-mamba",
        "hybrid-rank-granite4",
        "hybrid-rank-nemotron-h",
        "mamba2",
        "nemotron-h-default-mamba",
        "nemotron-h-puzzle",
        "nemotron-h-stated-window",
        "nemotron-nano-omni",
        "nemotron-nano-vl",
        "nemotron-nano-vl-fp8",
        "nemotron-super-omni",
        "zamba2",
    }
)
"""Mamba 2 mixers register a view of their convolution a second time, which vLLM's sum counts and no GPU holds."""

FREED_BY_LOADING = dict.fromkeys(
    ("phi3-vision", "phi3-vision-fp8", "phi3-vision-fp8-all", "phi3-vision-last-layer"), 1024 * 256 * 2
)
"""Bytes over all tensor-parallel ranks that vLLM builds and frees once a checkpoint is loaded: the second embedding of
Phi-3 Vision, which published checkpoints lack (`load_weights` in phi3v.py, 0.32)."""

CRASHES = frozenset({"ernie4-5-vl", "ernie45-moe", "gemma4-text-small"})
"""At PP 2 vLLM 0.32 fails in its own code: a tied head on a rank without one, a shared cache on another rank."""

PLANNED_AS = {"RSWASpec": "FullAttentionSpec"}
"""Unlimited-OCR frees generated tokens outside a window while it serves; its start plans with every token, as the class
that it inherits from does."""


@pytest.mark.parametrize(("version", "line"), LINES, ids=NAMES)
def test_weights_and_caches_are_what_vllm_builds(version: str, line: dict[str, Any]) -> None:
    """To the byte, on each pipeline rank and in each layout."""
    model = model_from_config(line["config"], line["name"])
    assert line["answers"]
    for answer in line["answers"]:
        asked = line.get("arguments", {})
        engine_args = EngineArgs(layout=ParallelConfig(answer["tp"], answer["pp"]), **asked)
        release = release_of(version)
        deployed = deployment(model, H100, engine_args, release)
        ours = [rank.tensor_bytes for rank in deployed.loaded]
        if line["name"] in SECOND_VIEWS:
            assert ours == pytest.approx(answer["weights_bytes"], rel=3e-3)
        else:
            freed = FREED_BY_LOADING.get(line["name"], 0) // answer["tp"]
            assert ours == [built - freed for built in answer["weights_bytes"]]
        cache = deployed.cache(resolve_engine(model, H100, engine_args, release))
        kinds = [
            sorted([layer.kind.value, layer.page_bytes, layer.block_tokens, count] for layer, count in rank)
            for rank in cache.layers
        ]
        expected = [
            sorted([PLANNED_AS.get(kind, kind), *rest] for kind, *rest in rank) for rank in answer["layers"]
        ]
        if any(kind == "MambaSpec" and block == answer["max_model_len"] for kind, _, block, _ in expected[0]):
            # one state whatever the length: vLLM then names the whole length its block, we attention's
            kinds, expected = _without_state_blocks(kinds), _without_state_blocks(expected)
        assert kinds == expected
        assert list(cache.bytes_needed(LENGTH_TOKENS)) == answer["bytes_needed"]
        assert model.max_model_len == answer["max_model_len"]
        assert fit(model, H100, engine_args, release).verdict == "fits"


@pytest.mark.parametrize(("version", "line"), LINES, ids=NAMES)
def test_a_model_that_vllm_does_not_cut_into_ranks_is_refused(version: str, line: dict[str, Any]) -> None:
    """Where vLLM has no answer for PP 2, neither have the tables."""
    if line["name"] in CRASHES or any(answer["pp"] == 2 for answer in line["answers"]):
        return
    model = model_from_config(line["config"], line["name"])
    assert fit(model, H100, EngineArgs(layout=ParallelConfig(1, 2)), release_of(version)).verdict == "refused"


def test_minimax_keeps_positions_for_what_is_served_alone() -> None:
    """Its rotary table, 32 float32 values per token here, ends with --max-model-len."""
    line = next(line for _, line in LINES if line["name"] == "minimax")
    model = model_from_config(line["config"], "m")
    whole, short = (model.weights_bytes(EngineArgs(max_model_len=length))[0] for length in (4096, 1024))
    assert whole - short == (4096 - 1024) * 32 * 4


@pytest.mark.parametrize("key", ["text_model_id", "audio_model_id"])
def test_an_ultravox_of_other_repositories_is_not_guessed(key: str) -> None:
    """vLLM takes the sizes of such a part from the repository that the key names, whatever the file's sections say."""
    line = next(line for _, line in LINES if line["name"] == "ultravox-gelu")
    with pytest.raises(NotUnderstoodError, match=key):
        model_from_config(line["config"] | {key: "somebody/model"}, "m")


def _without_state_blocks(ranks: list[list[list[Any]]]) -> list[list[list[Any]]]:
    return [
        sorted([kind, page, 0 if kind == "MambaSpec" else block, count] for kind, page, block, count in rank)
        for rank in ranks
    ]
