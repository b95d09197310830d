"""What a server has spent and not written yet."""

from __future__ import annotations

from vllm_costmeter.core.ledger.pending import MOST_MINUTES, Pending
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.operations import START, Durations, Operation
from vllm_costmeter.core.meter.shares.share import Share


def totals(usd: float, adapter_usd: float = 0.0) -> Interval:
    """A meter's totals so far."""
    return Interval(Usage(active_rental_usd=usd), {("adapter", "a"): Share(usd=adapter_usd)})


def test_increases_go_to_the_minute_in_which_they_were_seen() -> None:
    """Each once; nothing for a minute in which nothing happened."""
    pending = Pending()
    for second, usd in ((0, 0.0), (30, 3.0), (59.9, 4.0), (60, 4.5), (130, 4.5)):
        pending.note(second, totals(usd, usd / 2))
    taken = pending.take()
    assert {start: interval.usage.usd() for start, interval in taken.items()} == {0: 4.0, 60: 0.5}
    assert taken[0].shares["adapter", "a"].usd == 2.0
    assert pending.take() == {}


def test_an_operation_goes_to_the_minute_in_which_it_ended() -> None:
    """Each once, also where it could not be written at first."""
    wake = Operation("wake", 1)
    pending = Pending()
    begun = {START: Durations(1, 95.0)}
    pending.note(0, Interval(Usage(), {}, begun))
    pending.note(70, Interval(Usage(), {}, begun | {wake: Durations(1, 2.0)}))
    pending.put_back(pending.take())
    pending.note(100, Interval(Usage(), {}, begun | {wake: Durations(3, 5.0)}))
    taken = pending.take()
    assert {start: interval.operations for start, interval in taken.items()} == {
        0: begun,
        60: {wake: Durations(3, 5.0)},
    }
    pending.note(130, Interval(Usage(), {}, begun | {wake: Durations(3, 5.0)}))
    assert pending.take() == {}


def test_what_could_not_be_written_is_written_later_once() -> None:
    """Also where the same minute has grown since."""
    pending = Pending()
    pending.note(0, totals(1.0))
    pending.put_back(pending.take())
    pending.note(1, totals(3.0))
    assert [interval.usage.usd() for interval in pending.take().values()] == [3.0]


def test_a_long_outage_loses_time_resolution_and_no_dollar() -> None:
    """Memory is bounded: the oldest minutes are joined."""
    pending = Pending()
    for minute in range(3 * MOST_MINUTES):
        pending.note(60 * minute, totals(float(minute + 1)))
    taken = pending.take()
    assert len(taken) == MOST_MINUTES
    assert sum(interval.usage.usd() for interval in taken.values()) == 3 * MOST_MINUTES


def test_a_clock_that_jumps_charges_nothing_twice() -> None:
    """The increase belongs to whatever minute the clock shows."""
    pending = Pending()
    for second, usd in ((1000, 1.0), (90_000, 2.0), (940, 3.0)):
        pending.note(second, totals(usd))
    assert sum(interval.usage.usd() for interval in pending.take().values()) == 3.0
