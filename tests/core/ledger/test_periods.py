"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.periods import moment

NOW = datetime(2026, 11, 28, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2026-11-21", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("yesterday", "2026-11-27T00:00", "2026-11-28T00:00"),
        ("Today", "2026-11-28T00:00", "2026-11-29T00:00"),
        ("7d", "2026-11-21T15:30", "2026-11-21T15:30"),
        ("90m", "2026-11-28T14:00", "2026-11-28T14:00"),
        ("now", "2026-11-28T15:30", "2026-11-28T15:30"),
        ("2026-11-21T14:00", "2026-11-21T14:00", "2026-11-21T14:00"),
        ("2026-11-21T14:00z", "2026-11-21T14:00", "2026-11-21T14:00"),
        ("2026-11-21 14:00+02:00", "2026-11-21T12:00", "2026-11-21T12:00"),
    ],
)
def test_a_time_is_its_start_or_its_end(text: str, start: str, end: str) -> None:
    """--until includes what it names."""
    found = [moment(text, NOW, bound, "--since").astimezone(UTC) for bound in ("start", "end")]  # type: ignore[arg-type]
    assert [f"{each:%Y-%m-%dT%H:%M}" for each in found] == [start, end]


@pytest.mark.parametrize("text", ["", "soon", "2026-13", "2026-02-30", "-7d", "7y", "99:99", "1e9"])
def test_what_is_no_time_is_one_line(text: str) -> None:
    """With what is allowed."""
    with pytest.raises(BadInputError, match="--since must be ISO 8601"):
        moment(text, NOW, "start", "--since")
