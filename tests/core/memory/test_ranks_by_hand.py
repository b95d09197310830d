"""Sums and judgements over ranks whose bytes can be added in the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from vllm_costmeter.core.memory.byte_range import ByteRange, exactly
from vllm_costmeter.core.memory.ranks import ENDS, End, Memory, RankMemory

RANK = RankMemory(
    index=0,
    budget_bytes=1000,
    weights=ByteRange(500, 497, 504, "weights"),
    activations=ByteRange(100, 96, 103, "activations"),
    non_torch=exactly(20, "outside"),
    cuda_graphs=exactly(30, "graphs"),
    beside_weights=exactly(40, "layouts"),
    lora=exactly(10, "slots"),
)
"""Uses 700 of 1000: weights 3 less or 4 more, activations 4 less or 3 more."""


def memory(*ranks: RankMemory, total: int = 1200, free: int = 1100) -> Memory:
    """Of GPUs with 1200 bytes."""
    return Memory(total, 1000, ByteRange(free + 20, free, free + 50, "free"), ranks, ())


@dataclass
class Recorded:
    """A recorded start that gives one byte more than the rules, and a tenth of the budget."""

    more: int = 1

    def available(self, end: End, budget: int, ruled: Mapping[End, int]) -> int:
        return ruled[end] + self.more + budget // 10


def recorded(more: int, rank: RankMemory = RANK) -> RankMemory:
    """The rank, measured."""
    return replace(rank, measured=cast(Any, Recorded(more)))


@pytest.mark.parametrize(
    ("error", "used"),
    [((0, 0), (695, 700, 705)), ((12, 0), (695, 700, 713)), ((0, 12), (687, 700, 705))],
)
def test_independent_errors_add_in_quadrature(error: tuple[int, int], used: tuple[int, int, int]) -> None:
    """3 and 4 are 5, and 13 with 12; a GPU that may be larger counts as parts that use less."""
    rank = replace(RANK, budget_error_bytes=error)
    assert tuple(rank.used(end) for end in ENDS) == used


def test_exact_parts_have_no_range() -> None:
    """On a GPU whose memory is known, as it is unless an error is given."""
    rank = replace(RANK, weights=exactly(500, ""), activations=exactly(100, ""))
    assert [rank.used(end) for end in ENDS] == [700, 700, 700]


def test_the_pool_is_the_rest_of_the_budget() -> None:
    """Least where the parts use most; negative where they use more."""
    rank = replace(RANK, budget_error_bytes=(0, 12))
    assert [rank.available(end) for end in ENDS] == [295, 300, 313]
    assert replace(RANK, budget_bytes=600).available("usual") == -100


def test_a_reserved_pool_is_as_given() -> None:
    """At every end, measured or not; vLLM then plans to use the parts and the pool."""
    rank = replace(RANK, reserved_kv_cache_bytes=7)
    assert [rank.available(end) for end in ENDS] == [7, 7, 7]
    assert recorded(1, rank).available("usual") == 7
    assert (rank.spent_bytes, RANK.spent_bytes) == (707, 1000)


def test_measured_starts_correct_the_rules_of_each_end() -> None:
    """No more than the budget less weights and adapter slots, which are known: 490."""
    rank = replace(RANK, budget_error_bytes=(0, 12))
    assert [recorded(1, rank).available(end) for end in ENDS] == [396, 401, 414]
    assert [recorded(85, rank).available(end) for end in ENDS] == [480, 485, 490]


@pytest.mark.parametrize(
    ("rank", "expected"),
    [
        (RANK, (100, 30, 60)),
        (recorded(-150), (100, 30, 110)),
        (recorded(-20), (100, 10, 0)),
        (recorded(-10), (100, 0, 0)),
        (recorded(0), (90, 0, 0)),
        (recorded(-10, replace(RANK, reserved_kv_cache_bytes=7)), (100, 30, 60)),
    ],
)
def test_the_parts_beside_the_pool_add_up_to_the_budget(
    rank: RankMemory, expected: tuple[int, int, int]
) -> None:
    """Memory outside PyTorch has the layouts beside it, and takes the difference of a measured start; then graphs
    shrink, then activations."""
    assert rank.beside_kv_cache() == expected


def test_parts_of_nothing_have_no_rule_except_graphs() -> None:
    """That none are captured is worth a line."""
    nothing = exactly(0, "nothing")
    rank = replace(RANK, lora=nothing, cuda_graphs=nothing, non_torch=ByteRange(0, 0, 1, "at most"))
    assert rank.rules() == {
        "weights": "weights",
        "beside_weights": "layouts",
        "activations": "activations",
        "non_torch": "at most",
        "cuda_graphs": "nothing",
    }


def test_pools_are_no_less_than_nothing() -> None:
    """Rank by rank, in their order."""
    assert memory(RANK, replace(RANK, budget_bytes=600)).pools("usual") == (300, 0)


@pytest.mark.parametrize(("pool", "end", "exceeds"), [
    (500, "usual", False), (501, "usual", True), (495, "high", False), (496, "high", True), (None, "high", False),
])  # fmt: skip
def test_a_reserved_pool_must_fit_beside_the_parts(pool: int | None, end: End, exceeds: bool) -> None:
    """1200 bytes less 700, or 705 at most, on any rank; the budget is no limit."""
    small = None if pool is None else 1
    ranks = (
        replace(RANK, reserved_kv_cache_bytes=pool),
        replace(RANK, index=1, reserved_kv_cache_bytes=small),
    )
    assert memory(*ranks).exceeds_gpu(end) == exceeds


@pytest.mark.parametrize(
    ("least", "pool", "error", "exceed"),
    [
        (999, None, (0, 0), False),
        (1000, None, (0, 0), True),
        (1011, None, (0, 12), False),
        (1012, None, (0, 12), True),
        (1199, 7, (0, 0), False),
        (1200, 7, (0, 0), True),
    ],
)
def test_weights_alone_exceed_from_their_lower_bound_on(
    least: int, pool: int | None, error: tuple[int, int], exceed: bool
) -> None:
    """The budget of 1000, or all 1200 where a reserved pool overrides it, of the largest GPU that it may be."""
    rank = replace(
        RANK,
        weights=ByteRange(least + 5, least, least + 9, ""),
        reserved_kv_cache_bytes=pool,
        budget_error_bytes=error,
    )
    found = memory(RANK, rank)
    assert found.weights_limit_bytes == (1000 if pool is None else 1200)
    assert found.weights_alone_exceed == exceed


@pytest.mark.parametrize(
    ("found", "starts"),
    [
        (memory(RANK), True),
        (memory(RANK, free=1000), True),
        (memory(RANK, free=999), False),
        (memory(replace(RANK, reserved_kv_cache_bytes=495)), True),
        (memory(replace(RANK, reserved_kv_cache_bytes=496)), False),
        (memory(replace(RANK, weights=exactly(1000, ""))), False),
    ],
)
def test_a_start_is_sure_where_only_the_pool_may_be_too_small(found: Memory, starts: bool) -> None:
    """Enough is free at the least, a reserved pool fits at the most, and the weights do."""
    assert found.surely_starts == starts


@pytest.mark.parametrize(
    ("needed", "index"), [((3, 1), 0), ((2, 1), 1), ((300, 0), 0), ((0, 0), 1), ((0, 250), 1)]
)
def test_the_rank_that_is_full_first_binds(needed: tuple[int, int], index: int) -> None:
    """Pools of 300 and 120 bytes by what one sequence needs of each; a rank without cache counts as one byte."""
    ranks = (RANK, replace(RANK, index=1, budget_bytes=820))
    assert memory(*ranks).binding_rank(needed).index == index
