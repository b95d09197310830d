"""How many batches of tokens are in flight at once, which windows reserve KV cache for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.concurrent_batches import concurrent_batches
from vllm_costmeter.core.release import release_of

RELEASES = ("0.26.0", "0.27.1", "0.28.0", "0.29.0", "0.30.0", "0.31.0", "0.32.0", "0.33.0")
MOE = replace(llama(), is_moe=True)
POOLING = replace(llama(), is_pooling=True)


def in_flight(
    version: str, model: Any = None, ranks: int = 1, method: str | None = None, **flags: Any
) -> int:
    asked = None if method is None else {"method": method}
    args = EngineArgs(
        layout=ParallelConfig(pipeline_parallel_size=ranks), **{"speculative_config": asked, **flags}
    )
    return concurrent_batches(model or llama(), args, release_of(version))


@pytest.mark.parametrize(
    ("method", "since"),
    [
        (None, "0.26.0"),
        ("mtp", "0.26.0"),
        ("eagle3", "0.26.0"),
        ("dflash", "0.26.0"),
        ("dspark", "0.26.0"),
        ("ngram_gpu", "0.26.0"),
        ("draft_model", "0.28.0"),
        ("ngram", "0.33.0"),
        ("suffix", None),
    ],
)
def test_a_drafter_leaves_two_batches_since_the_release_that_schedules_it_asynchronously(
    method: str | None, since: str | None
) -> None:
    """`VllmConfig.__post_init__`: 0.27.0 lists no draft_model, 0.28.0 does; in 0.33.0 the list is the first runner's,
    which serves no method of a dense model but suffix."""
    two = [version for version in RELEASES if in_flight(version, method=method) == 2]
    assert two == ([] if since is None else [*RELEASES[RELEASES.index(since) :]])


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("ranks", [1, 3])
def test_what_schedules_one_batch_a_rank(version: str, ranks: int) -> None:
    """--no-async-scheduling, pooling, and drafts without padding until 0.33, where the second runner takes them."""
    assert in_flight(version, ranks=ranks, async_scheduling=False) == ranks
    assert in_flight(version, POOLING, ranks) == ranks
    unpadded = {"method": "mtp", "disable_padded_drafter_batch": True}
    assert in_flight(version, ranks=ranks, speculative_config=unpadded) == ranks + (version == "0.33.0")


def test_pooling_is_asynchronous_where_asked_for() -> None:
    """The default alone is off."""
    assert in_flight("0.32.0", POOLING, async_scheduling=True) == 2


@pytest.mark.parametrize(
    ("version", "dense", "experts"), [("0.26.0", 3, 2), ("0.28.0", 3, 2), ("0.29.0", 3, 3), ("0.33.0", 3, 3)]
)
def test_the_first_runner_has_no_batch_more_in_a_pipeline(version: str, dense: int, experts: int) -> None:
    """Two ranks are two batches there, three with the second runner, which serves mixtures of experts since 0.29."""
    assert in_flight(version, ranks=2) == dense
    assert in_flight(version, MOE, ranks=2) == experts
    assert in_flight(version, MOE) == 2
