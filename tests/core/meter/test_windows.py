"""Windows over the last minute, five minutes, hour and since the start."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.windows import ENTRIES_PER_WINDOW, Cumulative, Window, Windows, difference


def at(seconds: float, tokens: int = 0, usd: float = 0.0) -> Cumulative:
    """Totals of a meter that has generated `tokens` for `usd`."""
    return Cumulative(seconds, usd, 0.0, 0.0, 0.0, 0, 0, tokens)


def test_a_window_holds_exactly_its_seconds_of_steady_ticks() -> None:
    """After two minutes at ten tokens a second, the minute holds 600 tokens and sixty seconds."""
    windows = Windows()
    for second in range(121):
        added = windows.push(at(float(second), 10 * second))
    assert (added["1m"].seconds, added["1m"].generated_tokens) == (60.0, 600)
    assert (added["5m"].seconds, added["5m"].generated_tokens) == (120.0, 1200)
    assert added["total"] == added["1h"] == added["5m"]


def test_a_burst_leaves_the_window_when_its_time_is_over() -> None:
    """Tokens of one second are in the minute for a minute, then gone."""
    windows = Windows()
    seen = [
        windows.push(at(float(second), 100 if second >= 5 else 0))["1m"].generated_tokens
        for second in range(80)
    ]
    assert seen[:5] == [0] * 5
    assert seen[5:65] == [100] * 60
    assert seen[66:] == [0] * 14


def test_a_gap_is_covered_not_lost() -> None:
    """After ten silent minutes (the machine slept) the minute reaches back over the gap and not further."""
    windows = Windows()
    windows.push(at(0.0))
    windows.push(at(1.0, 7))
    added = windows.push(at(601.0, 8))["1m"]
    assert (added.seconds, added.generated_tokens) == (600.0, 1)


def test_memory_stays_flat_over_a_week_and_under_a_burst_of_ticks() -> None:
    """A window keeps a bounded number of moments, whatever the rhythm."""
    window = Window(60.0)
    for second in range(7 * 24 * 360):
        window.push(at(second * 10.0))
    assert len(window) <= 8
    for tick in range(100_000):
        window.push(at(604_800 + tick / 1000))
    assert len(window) <= ENTRIES_PER_WINDOW + 2


def test_every_total_is_kept_exactly() -> None:
    """A window's increase is each field's own, to the last bit and beyond 32 bits."""
    first = Cumulative(1.0, 0.1, 0.2, 0.3, 0.4, 2**40, 3, 5, 0.7, 0.6)
    window = Window(60.0)
    assert window.push(first) == Cumulative(*[0] * 10)
    later = Cumulative(*[7 * value for value in first])
    assert window.push(later) == pytest.approx([6 * value for value in first], rel=1e-15)
    assert window.push(later) == difference(later, first)


def test_a_page_that_tells_absurd_numbers_of_tokens_stops_nothing() -> None:
    """What no integer of 64 bits holds is a number like any other."""
    window = Window(60.0)
    window.push(at(0.0))
    assert window.push(at(1.0, 10**300)).generated_tokens == 1e300


def test_the_far_edge_is_at_most_a_thousandth_off() -> None:
    """The hour is kept in steps of three seconds: at 10,799 s it reaches back to 7,197. The shorter ones are exact."""
    windows = Windows()
    for second in range(3 * 3600):
        added = windows.push(at(float(second)))
    lengths = {name: window.seconds for name, window in added.items()}
    assert lengths == {"1m": 60.0, "5m": 300.0, "1h": 3602.0, "total": 10_799.0}
    assert len(windows) == 61 + 301 + 1201
