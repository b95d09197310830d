"""The page of what the fit check knows."""

from __future__ import annotations

from scripts.pages import coverage


def test_the_page_is_the_one_committed() -> None:
    """docs/coverage.md follows the code and the test data: `python -m scripts.pages.coverage` renews it."""
    assert coverage.REPORT.read_text() == coverage.report()


def test_nearly_every_architecture_was_held_against_vllm() -> None:
    """At most one in eight rests on a reading of vLLM's source alone."""
    found, _, _ = coverage.evidence()
    known = list(coverage.ARCHITECTURES)
    assert sum(name not in found for name in known) <= len(known) // 8
