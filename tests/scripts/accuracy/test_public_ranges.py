"""Predictions for public logs that state enough for a command."""

from __future__ import annotations

from scripts.accuracy.public import public_logs


def test_logs_kept_apart_lie_in_their_ranges() -> None:
    """On an A100, an MI300X, another ROCm GPU and an RTX 5090."""
    assert [log.name for log in public_logs() if not log.is_inside] == []
