"""Every family against vLLM 0.32's own code, on configurations made small.

`families_vllm_0.32.jsonl` is written by `scripts/family_answers.py` (vLLM 0.32.0's model code for a pretended H100,
on the meta device, 2026-11): weights and layer kinds of each pipeline rank at TP 1, TP 2 and PP 2.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.engine import resolve_engine
from vllm_costmeter.core.engine.rules import choose_rules
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.placement import deployment
from vllm_costmeter.core.plan import Layout, Plan
from vllm_costmeter.sources.model_config import model_from_config

VERSION = "0.32.0"
H100 = Gpu("H100 SXM", round(79.19 * 2**30), count=2, compute_capability=(9, 0))
LENGTH_TOKENS = 1024
LINES = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "families_vllm_0.32.jsonl").read_text().splitlines()
]
SECOND_VIEWS = frozenset({"falcon-h1", "hybrid-rank-granite4", "hybrid-rank-nemotron-h", "mamba2"})
"""Mamba 2 mixers register a view of their convolution a second time, which vLLM's sum counts and no card holds."""

WITHOUT_ATTENTION = frozenset({"mamba", "falcon-mamba", "mamba2"})
"""Their blocks are named after the longest context, which no number depends on: one state is one block."""


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["name"])
def test_weights_and_caches_are_what_vllm_builds(line: dict[str, Any]) -> None:
    """To the byte, on each pipeline rank and in each layout."""
    model = model_from_config(line["config"], line["name"])
    assert line["answers"]
    for answer in line["answers"]:
        plan = Plan(layout=Layout(answer["tp"], answer["pp"]), vllm_version=VERSION)
        chosen = choose_rules(VERSION)
        deployed = deployment(model, H100, plan, chosen)
        ours = [rank.tensor_bytes for rank in deployed.loaded]
        if line["name"] in SECOND_VIEWS:
            assert ours == pytest.approx(answer["weights_bytes"], rel=3e-3)
        else:
            assert ours == answer["weights_bytes"]
        cache = deployed.cache(resolve_engine(model, H100, plan, chosen))
        kinds = [
            sorted([layer.kind.value, layer.page_bytes, layer.block_tokens, count] for layer, count in rank)
            for rank in cache.layers
        ]
        expected = [sorted(rank) for rank in answer["layers"]]
        if line["name"] in WITHOUT_ATTENTION:
            kinds, expected = _without_blocks(kinds), _without_blocks(expected)
        assert kinds == expected
        assert list(cache.bytes_needed(LENGTH_TOKENS)) == answer["bytes_needed"]
        assert model.max_model_len == answer["max_model_len"]


def _without_blocks(ranks: list[list[list[Any]]]) -> list[list[list[Any]]]:
    return [[[kind, page, count] for kind, page, _, count in rank] for rank in ranks]
