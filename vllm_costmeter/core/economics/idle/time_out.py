"""A server that is switched off, or put to sleep, after it was idle for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vllm_costmeter.core.economics.idle.saving import Delays
from vllm_costmeter.core.economics.idle.timeline import Busy, Span


class Replayed(NamedTuple):
    """What a time-out would have done."""

    off_seconds: float = 0.0
    starts: int = 0
    delays: Delays = Delays()


def replayed(over: Iterable[Span], time_out_seconds: float, start_seconds: float | None) -> Replayed:
    """The spans as they would have been. The server is up at the start of each; it goes off when it was idle for the
    time-out, and comes back `start_seconds` after the next request, which waits with those behind it. Their work ends
    later, which shortens the idle time that follows. With an unknown start time nobody's wait is known, and the seconds
    off are the most that is possible."""
    total = Replayed()
    for span in over:
        part = _of_span(span, time_out_seconds, start_seconds)
        delays = total.delays.plus(part.delays)
        total = Replayed(total.off_seconds + part.off_seconds, total.starts + part.starts, delays)
    return total


def _of_span(span: Span, time_out: float, start_seconds: float | None) -> Replayed:
    off, starts, delays = 0.0, 0, Delays()
    idle_since = span.start
    for busy in span.busy:
        end = busy.end
        if busy.start - idle_since > time_out:
            off += busy.start - idle_since - time_out
            starts += 1
            waiting, end = _after_a_start(busy, start_seconds)
            delays = delays.plus(waiting)
        idle_since = max(idle_since, end)
    return Replayed(off + max(0.0, span.end - idle_since - time_out), starts, delays)


def _after_a_start(busy: Busy, start_seconds: float | None) -> tuple[Delays, float]:
    """Who waits, and when the work then ends."""
    if start_seconds is None:
        return Delays(1, None, None), busy.end
    if start_seconds == 0:
        return Delays(), busy.end
    ready = busy.start + start_seconds
    late, waited = 0.0, 0.0
    for first, last, requests in busy.arrivals:
        if first >= ready:
            break
        until = min(last, ready)
        part = requests if last <= ready else requests * (until - first) / (last - first)
        late += part
        waited += part * (ready - (first + until) / 2)
    end = max(busy.end, max(ready, busy.arrivals[-1].last) + busy.request_seconds)
    return Delays(max(1, round(late)), max(start_seconds, waited), start_seconds), end
