"""Ledger rows added up by what a report asks for."""

from __future__ import annotations

import pytest
from ledgers import NOON, SERIES, usage

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.grouping import GROUPS, REST, grouped, groups, step_seconds
from vllm_costmeter.core.ledger.rows import ShareRow, UsageRow
from vllm_costmeter.core.meter.shares.share import Share

ROWS = [
    UsageRow(NOON, SERIES, usage(1.0, joules=50.0)),
    UsageRow(NOON + 86_400, SERIES, usage(4.0)),
    UsageRow(NOON, SERIES._replace(model_name="other", gpu_name=""), usage(8.0)),
]
SHARES = [ShareRow(NOON, SERIES, "a", Share(usd=0.25)), ShareRow(NOON + 86_400, SERIES, "a", Share(usd=0.5))]


@pytest.mark.parametrize("by", GROUPS)
def test_every_group_adds_up_to_the_bill(by: str) -> None:
    """Whatever it divides by."""
    assert sum(line.usd for line in grouped(ROWS, SHARES, (by,))) == pytest.approx(19.5)


def test_times_are_in_order_and_the_rest_dearest_first() -> None:
    """With several groups too."""
    assert [line.keys for line in grouped(ROWS, (), ("model",))] == [("other",), ("m",)]
    assert [line.keys for line in grouped(ROWS, (), ("model", "day"))] == [
        ("other", "2026-11-21"),
        ("m", "2026-11-21"),
        ("m", "2026-11-22"),
    ]
    assert [line.keys[0] for line in grouped(ROWS, (), ("gpu",))] == ["2x unknown GPU", "2x H100"]


def test_a_share_leaves_a_rest() -> None:
    """What no adapter caused, idle time included."""
    lines = {line.keys[-1]: line.usd for line in grouped(ROWS[:2], SHARES, ("adapter",))}
    assert lines == {"a": 0.75, REST: pytest.approx(6.75)}


def test_only_times_need_a_step() -> None:
    """Days and hours."""
    assert [step_seconds(by) for by in (("model",), ("day",), ("model", "hour"))] == [None, 86_400, 3600]


@pytest.mark.parametrize(
    "text", ["", "modle", "model,model", "state,phase", "state,model", "day,hour", "adapter,state"]
)
def test_groups_that_cannot_be_are_one_line(text: str) -> None:
    """With the nearest name, or the rule."""
    with pytest.raises(BadInputError, match="--by"):
        groups(text)
