"""KV tokens and concurrency against what vLLM 0.19 logged on H100, given the pool it logged."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

DATA = Path(__file__).parents[2] / "data"
GIB = 1 << 30
HALF_A_LOGGED_DIGIT = 0.005  # pools are logged in GiB with two decimals


def boots() -> list[dict[str, str]]:
    """Served boots on one pipeline rank: on several, the log has one rank's pool and the smallest rank's tokens."""
    with (DATA / "corpus" / "boots_vllm_0.19.0_h100.csv").open() as stream:
        return [row for row in csv.DictReader(stream) if row["failed"] == "False" and row["pp"] == "1"]


@pytest.mark.parametrize(
    "row", boots(), ids=lambda row: f"{row['config']}-tp{row['tp']}-{row['max_model_len']}"
)
def test_the_logged_tokens_lie_within_the_rounding_of_the_logged_pool(row: dict[str, str]) -> None:
    """The pool is known to half a hundredth of a GiB; the tokens and the concurrency must lie in between."""
    values = json.loads((DATA / "models" / row["config"] / "config.json").read_text())
    cache = kv_cache(
        model_from_config(values, row["config"]).attention,
        EngineArgs(
            dtype=row["dtype"],
            kv_cache_dtype=row["kv_cache_dtype"],
            layout=ParallelConfig(tensor_parallel_size=int(row["tp"])),
        ),
        kv_rules(release_of(row["vllm"])),
        max_num_batched_tokens=int(row["max_num_batched_tokens"]),
        compute_capability=(9, 0),
    )
    pool, length = float(row["kv_avail_gib"]), int(row["max_model_len"])
    least, most = (
        cache.capacity(length, int((pool + error) * GIB))
        for error in (-HALF_A_LOGGED_DIGIT, HALF_A_LOGGED_DIGIT)
    )
    assert least.tokens <= int(row["kv_tokens"]) <= most.tokens
    assert least.max_concurrency - 0.01 <= float(row["max_concurrency"]) <= most.max_concurrency + 0.01


def test_all_boots_on_one_pipeline_rank_are_compared() -> None:
    """34 of the corpus' 36 served boots."""
    assert len(boots()) == 34
