"""The rules of older vLLM releases, against what their own code answered (tests/data/older_versions.jsonl)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.answers.conformance import MODELS, compare_numbers
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.plugin.exact import ExactAnswer

LINES = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "older_versions.jsonl").read_text().splitlines()
]
VERSIONS = sorted({line["answer"]["counts"]["vllm_version"] for line in LINES})


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_release_is_counted_by_its_own_rules(version: str) -> None:
    """Pages, groups, blocks, tokens, concurrency and longest length are equal, weights within 0.3 %."""
    found = [_differences(line) for line in LINES if line["answer"]["counts"]["vllm_version"] == version]
    assert len(found) >= 12
    assert [one for one in found if one] == []


def _differences(line: Mapping[str, Any]) -> tuple[str, ...]:
    answer = ExactAnswer.from_json(line["answer"])
    found = compare_numbers(MODELS / line["model"], ParallelConfig(line["tp"]), answer)
    return tuple(f"{line['model']} TP {line['tp']}: {text}" for text in found.differences)
