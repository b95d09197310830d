"""Our KV arithmetic against what vLLM 0.32's own code answers for published models on an H100."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.kv_cache import KVCache, kv_cache, kv_rules
from vllm_costmeter.core.kv_cache.parallel import tensor_parallel_fault
from vllm_costmeter.core.model.attention import ModelAttention
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

DATA = Path(__file__).parents[2] / "data"
POOL_BYTES = 16 << 30
LINES: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "oracle_vllm_0.32_cuda.jsonl").read_text().splitlines()
]


def attention_of(config: str) -> ModelAttention:
    values = json.loads((DATA / "models" / config / "config.json").read_text())
    return model_from_config(values, config).attention


def cache_of(line: dict[str, Any]) -> KVCache:
    return kv_cache(
        attention_of(line["config"]),
        EngineArgs(layout=ParallelConfig(tensor_parallel_size=line["tp"])),
        kv_rules(release_of("0.32.0")),
        max_num_batched_tokens=line["max_num_batched_tokens"],
        compute_capability=(9, 0),
    )


def name(line: dict[str, Any]) -> str:
    return f"{line['config']}-tp{line['tp']}"


@pytest.mark.parametrize("line", [line for line in LINES if "error" not in line], ids=name)
def test_layers_bytes_lengths_and_blocks_equal_vllms(line: dict[str, Any]) -> None:
    """Kinds, pages, bytes for a length, whether it fits, the longest length, blocks, tokens, groups: all equal."""
    cache = cache_of(line)
    layers: Counter[tuple[str, int, int]] = Counter()
    for layer, count in cache.layers[0]:
        layers[layer.kind.value, layer.page_bytes, layer.block_tokens] += count
    expected: Counter[tuple[str, int, int]] = Counter()
    for row in line["layers"]:
        expected[row["kind"], row["page_bytes"], row["block"]] += row["count"]
    assert layers == expected
    for row in line["kv"]:
        assert cache.bytes_needed(row["len"]) == (row["needed_bytes"],)
        assert cache.longest_length(POOL_BYTES, row["len"]) == row["fit_len_16gib"]
        assert cache.fits(row["len"], POOL_BYTES) == ("error" not in row)
        if "error" in row:
            continue
        capacity = cache.capacity(row["len"], POOL_BYTES)
        assert capacity.num_blocks == row["blocks_16gib"]
        assert capacity.tokens == row["tokens_16gib"]
        assert round(capacity.max_concurrency, 4) == row["concurrency_16gib"]
        assert cache.num_groups == row["groups"]


REFUSED = [
    line for line in LINES if "divide" in line.get("error", "") or line.get("error") == "AssertionError"
]


@pytest.mark.parametrize("line", REFUSED, ids=name)
def test_a_tensor_parallel_size_that_vllm_refuses_has_a_fault(line: dict[str, Any]) -> None:
    """The heads that do not divide are found from the file alone."""
    assert tensor_parallel_fault(attention_of(line["config"]), line["tp"]) is not None


def test_no_line_of_the_oracle_is_left_out() -> None:
    """141 answers and 3 refusals are compared; the rest are files that vLLM 0.32 itself cannot read."""
    answered = sum("error" not in line for line in LINES)
    unread = sum("not known to vLLM" in line.get("error", "") for line in LINES)
    assert (answered, len(REFUSED), unread) == (141, 3, 6)
