"""The verdict at each bound: what equals a limit is within it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import llama
from stated_sizing import BUDGET, LENGTH, TOTAL, WEIGHTS, above, blank, cache, sizing

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.verdict import verdict_of
from vllm_costmeter.core.kv_cache.graph_blocks import BlocksNeeded

HALF_OPEN = TOTAL - BUDGET
"""A reserved pool that is this much larger than what the parts leave of the budget fills the GPU."""
WIDE = BUDGET // 4 + 1
"""MiB between the ends of weights that are too uncertain for a verdict: more than a quarter of the budget."""


def judged(pool: tuple[int, int, int] = (101, 101, 101), **stated: Any) -> tuple[str, str | None]:
    """Verdict and reason."""
    placed = sizing(pool, **stated)
    return verdict_of(stated.get("blank", blank()), placed)[:2]


def test_one_sequence_needs_its_blocks_and_the_one_that_vllm_holds_back() -> None:
    """1,600 tokens are 100 blocks; with the null block 101 MiB hold them, and the sentence says where."""
    verdict, reason, message = verdict_of(blank(), sizing())
    assert (verdict, reason) == ("fits", None)
    assert message == "fits: 1,600 tokens of context on RTX 4090"


@pytest.mark.parametrize(
    ("pool", "verdict"),
    [
        ((100, 101, 101), "tight"),
        ((100, 100, 101), "tight"),
        ((100, 100, 100), "refused"),
        ((-5, -5, -5), "refused"),
    ],
)
def test_a_pool_one_block_short_at_one_end_is_tight_and_at_the_best_refused(
    pool: tuple[int, int, int], verdict: str
) -> None:
    assert judged(pool) == (verdict, "kv_cache")


@pytest.mark.parametrize(("maximum", "reason"), [(LENGTH, None), (LENGTH - 1, "max_model_len")])
def test_the_models_own_maximum_may_be_asked_for(maximum: int, reason: str | None) -> None:
    asked = EngineArgs(max_model_len=LENGTH, max_num_seqs=64)
    assert judged(blank=blank(asked, replace(llama(), max_model_len=maximum)))[1] == reason


@pytest.mark.parametrize(
    ("free", "verdict"),
    [
        ((BUDGET, BUDGET, BUDGET), "fits"),
        ((BUDGET - 1, BUDGET, BUDGET), "tight"),
        ((BUDGET - 2, BUDGET - 1, BUDGET), "tight"),
        ((BUDGET - 1, BUDGET - 1, BUDGET - 1), "refused"),
    ],
)
def test_the_budget_must_be_free_at_start(free: tuple[int, int, int], verdict: str) -> None:
    assert judged(free=free) == (verdict, None if verdict == "fits" else "free_memory")


@pytest.mark.parametrize(
    ("reserved", "verdict"),
    [
        (HALF_OPEN + 100, "fits"),
        (HALF_OPEN + 101, "tight"),
        (HALF_OPEN + 300, "tight"),
        (HALF_OPEN + 301, "refused"),
    ],
)
def test_a_reserved_pool_and_the_rest_must_be_in_the_gpu(reserved: int, verdict: str) -> None:
    """The rest leaves 100 to 300 MiB of the budget: what fits only at the lowest use is tight."""
    expected = (verdict, None if verdict == "fits" else "kv_cache_memory_bytes")
    assert judged((100, 200, 300), reserved=reserved) == expected


@pytest.mark.parametrize(
    ("blocks", "is_certain", "verdict"),
    [
        (115, True, "fits"),
        (116, True, "tight"),
        (130, True, "tight"),
        (131, True, "refused"),
        (131, False, "tight"),
    ],
)
def test_blocks_for_full_graphs_have_a_margin_of_eight_percent(
    blocks: int, is_certain: bool, verdict: str
) -> None:
    """125 blocks at the low end are taken for 115; 130 at the high end are what there may be at most."""
    found = judged((125, 128, 130), graph_blocks=BlocksNeeded(blocks, is_certain))
    assert found == (verdict, None if verdict == "fits" else "max_num_seqs")


def test_a_pool_without_a_range_has_no_margin() -> None:
    """125 stated blocks are 125."""
    assert judged((125, 125, 125), graph_blocks=BlocksNeeded(125, is_certain=True)) == ("fits", None)
    assert judged((125, 125, 125), graph_blocks=BlocksNeeded(126, is_certain=True))[0] == "refused"


@pytest.mark.parametrize(
    ("first", "blocks", "reason"),
    [
        ((101, 101, 101), 101, None),
        ((100, 101, 101), 1, "first_start"),
        ((101, 101, 101), 102, "first_start"),
    ],
)
def test_a_first_start_lacks_room_for_a_sequence_or_for_graphs(
    first: tuple[int, int, int], blocks: int, reason: str | None
) -> None:
    """Later starts have 120 blocks; either lack makes the answer tight."""
    needed = BlocksNeeded(blocks, is_certain=True)
    expected = ("fits" if reason is None else "tight", reason)
    assert judged((120, 120, 120), first=first, graph_blocks=needed) == expected


def test_weights_of_a_wide_range_decide_nothing() -> None:
    """More than a quarter of the budget between their ends, where the usual pool is too small: unknown; a quarter is
    narrow enough, and a usual pool that is large enough is tight."""
    for span, verdict in ((WIDE, "unknown"), (WIDE - 1, "tight")):
        assert judged((100, 100, 100), weights=(WEIGHTS - span, WEIGHTS, WEIGHTS))[0] == verdict
    assert judged(weights=(WEIGHTS, WEIGHTS, WEIGHTS + WIDE)) == ("tight", "kv_cache")
    reserved = {"reserved": HALF_OPEN + 201, "weights": (WEIGHTS - WIDE, WEIGHTS, WEIGHTS)}
    assert judged((200, 200, 200), **reserved) == ("unknown", "not_understood")


@pytest.mark.parametrize(
    ("pool", "verdict"), [((0, 0, 0), "fits"), ((-9, 0, 9), "fits"), ((-9, -1, 9), "tight")]
)
def test_a_model_without_a_cache_may_use_its_budget(pool: tuple[int, int, int], verdict: str) -> None:
    """vLLM does not profile it: what usually exceeds the budget starts, and is tight."""
    assert judged(pool, cache=cache()) == (verdict, None if verdict == "fits" else "above_budget")


@pytest.mark.parametrize(("usual", "verdict"), [(4096, "fits"), (4097, "tight")])
def test_what_is_used_above_the_budget_must_usually_be_left(usual: int, verdict: str) -> None:
    """A most that is not left does not count."""
    found = judged(above=above(usual, 4096, high=9000))
    assert found == (verdict, None if verdict == "fits" else "above_budget")


@pytest.mark.parametrize(
    ("stated", "is_sure"),
    [
        ({}, True),
        ({"free": (BUDGET - 1, BUDGET, BUDGET)}, False),
        ({"first": (100, 101, 101)}, False),
        ({"graph_blocks": BlocksNeeded(120, is_certain=True), "first": (119, 119, 119)}, False),
        ({"above": above(4097, 4096)}, False),
        ({"above": above(4096, 4096, high=9000)}, True),
    ],
)
def test_a_start_is_sure_where_nothing_can_stop_it(stated: dict[str, Any], is_sure: bool) -> None:
    """Free memory, the first start's pool and its graphs at their worst; what is used above the budget as usual."""
    assert sizing((120, 120, 120), **{"first": (101, 101, 101), **stated}).starts_surely() is is_sure
