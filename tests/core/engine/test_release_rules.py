"""The table of vLLM versions."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.release_rules import NEWEST_KNOWN, ROWS, choose_rules


def test_rows_are_in_order_and_have_evidence() -> None:
    """Every row says what it rests on, and none hides behind an earlier one."""
    assert [row.since for row in ROWS] == sorted({row.since for row in ROWS})
    assert all(row.evidence for row in ROWS)


@pytest.mark.parametrize(
    ("version", "utilization", "subtracted"),
    [("0.17.0", 0.90, False), ("0.19.1", 0.90, False), ("0.20.0", 0.92, True), ("0.33.0", 0.92, True)],
)
def test_defaults_changed_with_0_20(version: str, utilization: float, subtracted: bool) -> None:
    """One change (PR 38284) raised the default share of the card and began to subtract graph memory."""
    rules = choose_rules(version).rules
    assert (rules.gpu_memory_utilization, rules.cuda_graphs_in_budget) == (utilization, subtracted)


def test_no_version_means_the_newest_known() -> None:
    """Without an installed vLLM the answer is about the newest release, and needs no note."""
    chosen = choose_rules(None)
    assert chosen.vllm_version == ".".join(map(str, NEWEST_KNOWN))
    assert chosen.rules is ROWS[-1]
    assert chosen.note is None


@pytest.mark.parametrize(
    ("version", "row", "says"),
    [
        ("0.99.0", -1, "newer"),
        ("0.11.0rc2", 0, "older"),
        ("0.8.5", 0, "older"),
        ("0.16.0", 1, "older"),
        ("0.1.dev1+gda1daf40b", -1, "does not know"),
    ],
)
def test_a_version_outside_the_table_is_said(version: str, row: int, says: str) -> None:
    """The nearest row answers, and a note says that it is not the version's own."""
    chosen = choose_rules(version)
    assert chosen.rules is ROWS[row]
    assert chosen.note is not None
    assert says in chosen.note


def test_a_patch_release_of_the_newest_known_needs_no_note() -> None:
    """0.33.1 is judged by the rules of 0.33."""
    assert choose_rules("0.33.1").note is None


def test_recurrent_and_expert_models_kept_the_first_runner_longest() -> None:
    """In 0.25 only dense models moved to the second runner, which estimated no graph memory then."""
    rules = choose_rules("0.25.1").rules
    assert rules.runner(is_dense=True).graph_gib == (0.0, 0.0, 0.0)
    assert rules.runner(is_dense=False).graph_gib[1] > 0
