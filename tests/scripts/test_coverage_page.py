"""The page of what the fit check knows."""

from __future__ import annotations

import coverage_page


def test_the_page_is_the_one_committed() -> None:
    """docs/coverage.md follows the code and the test data: `python scripts/coverage_page.py` renews it."""
    assert coverage_page.REPORT.read_text() == coverage_page.report()


def test_nearly_every_architecture_was_held_against_vllm() -> None:
    """At most one in eight rests on a reading of vLLM's source alone."""
    found, _ = coverage_page.evidence()
    known = [name for name in coverage_page.ARCHITECTURES if name in coverage_page.FAMILIES]
    assert sum(name not in found for name in known) <= len(known) // 8
