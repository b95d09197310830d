"""Minutes of servers, and the stretches in them."""

from __future__ import annotations

import pytest
from ledgers import NOON, SERIES, usage

from vllm_costmeter.core.economics.idle.timeline import (
    Arrivals,
    Busy,
    Replica,
    Span,
    Step,
    replicas_of_ledger,
    spans,
    together,
)
from vllm_costmeter.core.ledger.rows import HOUR, MINUTE, UsageRow

IDLE = Step(usd=0.05)


def replica(**steps: Step) -> Replica:
    """`m3` is the step at minute 3."""
    return Replica("m", "a", "", 1, {int(name[1:]) * 60: step for name, step in steps.items()})


def test_a_run_of_busy_minutes_is_one_stretch() -> None:
    """Its idle seconds at both ends lie half outside; the first request came at its start."""
    found = list(spans(replica(m0=IDLE, m1=Step(20, 1), m2=Step(60, 2), m3=Step(40, 1), m4=IDLE)))
    (span,) = found
    (busy,) = span.busy
    assert (span.start, span.end, busy.start, busy.end) == (0, 300, 80, 230)
    assert busy.arrivals[0].first == busy.start
    assert sum(each.requests for each in busy.arrivals) == 4


def test_a_request_in_a_minute_lies_in_its_middle() -> None:
    """And came where its activity begins."""
    (span,) = spans(replica(m0=Step(20, 1)))
    assert span == Span(0, 60, (Busy(20, 40, (Arrivals(20, 20, 1),)),))


def test_a_missing_minute_ends_a_span() -> None:
    """The server was not running, and nobody paid."""
    assert [(span.start, span.end) for span in spans(replica(m0=IDLE, m1=IDLE, m5=IDLE))] == [
        (0, 120),
        (300, 360),
    ]


def test_servers_together_are_busy_when_any_is() -> None:
    """Dollars, requests and tokens add up."""
    both = together([replica(m0=Step(20, 1, 0.5, 9), m1=IDLE), replica(m0=Step(30, 2, 0.5, 1))])
    assert both.steps == {0: Step(30, 3, 1.0, 10), 60: IDLE}


def test_a_ledgers_hours_are_minutes() -> None:
    """An idle hour is idle in each minute, a busy one busy in each; dollars and requests are spread."""
    idle = usage(0, idle_rental_usd=6.0, active_gpu_seconds=0, idle_gpu_seconds=7200, finished_requests=0)
    busy = usage(3.0, active_gpu_seconds=1800, idle_gpu_seconds=5400, finished_requests=120)
    rows = [
        (HOUR, UsageRow(NOON, SERIES, idle)),
        (HOUR, UsageRow(NOON + HOUR, SERIES, busy)),
        (MINUTE, UsageRow(NOON + 2 * HOUR, SERIES, usage(1.0))),
        (MINUTE, UsageRow(NOON, SERIES._replace(host="node-2"), usage(1.0))),
    ]
    first, second = replicas_of_ledger(rows)
    assert (first.name, first.gpu_name, first.gpus, second.name) == ("node-1", "H100", 2, "node-2")
    assert len(first.steps) == 121
    assert first.steps[NOON].usd == pytest.approx(0.1)
    assert first.steps[NOON].active_seconds == 0
    assert first.steps[NOON + HOUR + 60] == pytest.approx(Step(15, 2, 4.5 / 60, 100 / 60))
    assert first.steps[NOON + 2 * HOUR].active_seconds == 40
    assert first.usd == pytest.approx(6.0 + 4.5 + 1.5)


def test_a_minute_of_work_fills_its_minute() -> None:
    """No idle second is left to lie before or after it."""
    (span,) = spans(replica(m0=Step(60, 1)))
    assert (span.busy[0].start, span.busy[0].end) == (0, 60)


def test_two_requests_are_enough_to_take_the_known_time_of_a_request() -> None:
    """They came 25 s before they ended; one alone came when the activity began."""
    both, one = (Replica("m", "a", "", 1, {0: Step(60, count)}, request_seconds=50.0) for count in (2, 1))
    assert next(spans(both)).busy[0].request_seconds == 50.0
    assert next(spans(one)).busy[0].request_seconds == 60.0


def test_work_whose_requests_nobody_counted_came_at_once() -> None:
    """One arrival where the activity begins: how many they were is unknown."""
    (span,) = spans(replica(m0=Step(20, 0)))
    assert span.busy == (Busy(20, 40, (Arrivals(20, 20, 1),)),)


@pytest.mark.parametrize(
    ("request_seconds", "arrivals"),
    [
        (None, (Arrivals(80, 80, 1), Arrivals(165, 190, 2))),
        (30.0, (Arrivals(80, 80, 1), Arrivals(165, 190, 2))),
        (50.0, (Arrivals(80, 80, 1), Arrivals(155, 180, 2))),
    ],
)
def test_requests_came_before_they_ended_by_the_time_that_they_ran(
    request_seconds: float | None, arrivals: tuple[Arrivals, ...]
) -> None:
    """The first ended at 120, 40 s after its start at 80, and two between 205 and 230; none came before the start, and
    none in the minute in which none ended."""
    steps = {60: Step(20, 1), 120: Step(60), 180: Step(40, 2)}
    (span,) = spans(Replica("m", "a", "", 1, steps, request_seconds))
    assert span.busy == (Busy(80, 230, arrivals),)
    assert span.busy[0].request_seconds == 230 - arrivals[-1].last


def test_a_request_without_a_measurable_second_is_work() -> None:
    """It lies in the middle of its minute; half a request, as a Prometheus counts, came as one does."""
    (span,) = spans(replica(m0=Step(0, 1), m1=IDLE, m2=Step(20, 0.5)))
    assert span.busy == (Busy(30, 30, (Arrivals(30, 30, 1),)), Busy(140, 160, (Arrivals(140, 140, 0.5),)))


def test_a_minute_that_is_more_than_full_is_full() -> None:
    """Rounding may make 60.5 s of a minute."""
    (span,) = spans(replica(m0=Step(60.5, 1), m1=Step(60.5, 1)))
    assert (span.busy[0].start, span.busy[0].end) == (0, 120)


def test_a_price_is_of_the_seconds_that_were_paid() -> None:
    """Two minutes for 2.40 USD; a server that never ran has none."""
    assert replica(m0=Step(usd=2.0), m5=Step(usd=0.4)).usd_per_second == pytest.approx(0.02)
    assert replica().usd_per_second == 0


def test_servers_together_have_the_mean_time_of_a_request_that_is_known() -> None:
    """And the GPU of the first."""
    each = [Replica("m", "a", "H100", 2, {}, seconds) for seconds in (2.0, None, 4.0)]
    assert together(each) == Replica("m", "3 servers", "H100", 2, {}, 3.0)
    assert together(each[1:2]).request_seconds is None


def test_two_servers_in_one_minute_of_a_ledger_are_busy_for_at_most_a_minute() -> None:
    """One followed the other; dollars, requests and tokens add up."""
    twice = [(MINUTE, UsageRow(NOON, SERIES, usage(1.0))) for _ in range(2)]
    (found,) = replicas_of_ledger(twice)
    assert found.steps == {NOON: Step(60.0, 6, 3.0, 200)}
    assert (found.model_name, found.request_seconds) == ("m", None)


def test_a_row_without_gpu_seconds_is_idle() -> None:
    """And one with more active seconds than there are is busy all the time."""
    none = usage(1.0, active_gpu_seconds=0, idle_gpu_seconds=0)
    over = usage(1.0, active_gpu_seconds=90, idle_gpu_seconds=-30)
    rows = [(MINUTE, UsageRow(NOON + 60 * at, SERIES, each)) for at, each in enumerate((none, over))]
    (found,) = replicas_of_ledger(rows)
    assert [step.active_seconds for step in found.steps.values()] == [0, 60]
