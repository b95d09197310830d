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


def test_recurrent_and_expert_models_kept_the_first_runner_longest() -> None:
    """In 0.25 only dense models moved to the second runner, which estimated no graph memory then."""
    rules = engine_rules(release_of("0.25.1"))
    assert rules.runner(is_dense=True).graph_gib == (0.0, 0.0, 0.0)
    assert rules.runner(is_dense=False).graph_gib[1] > 0
