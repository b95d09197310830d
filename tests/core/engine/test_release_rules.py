"""The table of vLLM versions."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.release_rules import ROWS, engine_rules
from vllm_costmeter.core.release import release_of


def test_rows_are_in_order_and_have_evidence() -> None:
    """Every row says what it rests on, and none hides behind an earlier one."""
    assert [row.since for row in ROWS] == sorted({row.since for row in ROWS})
    assert all(row.evidence for row in ROWS)


@pytest.mark.parametrize(
    ("version", "utilization", "subtracted"),
    [("0.17.0", 0.90, False), ("0.19.1", 0.90, False), ("0.20.0", 0.92, True), ("0.33.0", 0.92, True)],
)
def test_defaults_changed_with_0_20(version: str, utilization: float, subtracted: bool) -> None:
    """One change (PR 38284) raised the default share of the GPU and began to subtract graph memory."""
    rules = engine_rules(release_of(version))
    assert (rules.gpu_memory_utilization, rules.cuda_graphs_in_budget) == (utilization, subtracted)


@pytest.mark.parametrize(("version", "row"), [("0.99.0", -1), ("0.11.0rc2", 0), ("0.8.5", 0), ("0.16.0", 1)])
def test_the_nearest_row_answers(version: str, row: int) -> None:
    """Newer than the table the newest, older than the table the oldest."""
    assert engine_rules(release_of(version)) is ROWS[row]


@pytest.mark.parametrize(
    ("version", "copies", "counts_state", "estimates"),
    [
        ("0.25.1", 1.0, False, False),
        ("0.26.0", 0.0, False, False),
        ("0.27.1", 1.0, True, False),
        ("0.28.0", 0.0, True, False),
        ("0.32.0", 0.0, True, True),
        ("0.33.0", 2.0, True, True),
    ],
)
def test_the_second_runner_changed_with_almost_every_release(
    version: str, copies: float, counts_state: bool, estimates: bool
) -> None:
    """Copies of the logits, whether its penalty state is counted, and whether it estimates CUDA graphs."""
    runner = engine_rules(release_of(version)).v2
    assert runner is not None
    assert runner.float_copies[1] == copies
    assert (runner.state_bytes_per_logit > 0, runner.graphs is not None) == (counts_state, estimates)
