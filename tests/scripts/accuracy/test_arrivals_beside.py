"""The serving model beside a recorded run of a real vLLM under random arrivals."""

from __future__ import annotations

from functools import cache

import pytest

from scripts.accuracy import arrivals_beside
from scripts.accuracy.arrivals_beside import Row
from scripts.accuracy.arrivals_measured import SHARES


@cache
def named(name: str) -> dict[float, Row]:
    """By share of the capacity."""
    return {row.share: row for row in arrivals_beside.rows() if row.name == name}


@pytest.mark.parametrize(("name", "within"), [("TPOT, mean, ms", 0.1), ("requests at once", 0.2)])
def test_what_the_batch_does_is_as_calculated(name: str, within: float) -> None:
    """At 30, 60 and 85 % of the capacity."""
    found = named(name)
    assert set(found) == set(SHARES)
    assert all(abs(row.error) <= within for row in found.values())


def test_the_first_token_comes_about_when_it_is_calculated() -> None:
    """Within 30 % below the point where a queue forms; no later at 85 %, where a short run tells little."""
    found = named("TTFT, mean, ms")
    assert abs(found[0.3].error) <= 0.3
    assert abs(found[0.6].error) <= 0.1
    assert found[0.85].error > 0


def test_the_queue_forms_where_it_is_calculated() -> None:
    """Hardly any wait for a place at 30 and 60 %, many at 85 %."""
    found = named("in vLLM's queue, mean, ms")
    for values in ([row.measured for row in found.values()], [row.calculated for row in found.values()]):
        assert values[0] < 1
        assert values[1] < 15
        assert values[2] > 30


def test_a_run_near_the_capacity_lies_within_the_simulations_draws() -> None:
    """The simulated scheduler differs from draw to draw by more than the real one from it."""
    measured = named("TTFT, mean, ms")[0.85].measured
    drawn = [each.ttft_ms for each in arrivals_beside.simulated()[0.85]]
    assert 0.95 * min(drawn) <= measured <= max(drawn)
    assert max(drawn) > 1.5 * min(drawn)
