"""The thread that looks once a second."""

from __future__ import annotations

import threading

from vllm_costmeter.metering.sampler import Sampler
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts


def test_a_tick_that_raises_is_counted_and_the_next_one_comes() -> None:
    """The meter does not die of a bad second."""
    errors, ticks, third = ErrorCounts(), [0], threading.Event()

    def tick() -> None:
        ticks[0] += 1
        if ticks[0] == 2:
            raise OSError("the disk is full")
        if ticks[0] >= 3:
            third.set()

    sampler = Sampler(tick, lambda error: errors.add("sampler"), interval_seconds=0.001)
    sampler.start()
    assert third.wait(5)
    sampler.stop()
    assert errors.counts()["sampler"] == 1


def test_stopping_charges_the_last_second() -> None:
    """One tick at the start, one at the end, none after."""
    ticks: list[int] = []
    first = threading.Event()

    def tick() -> None:
        ticks.append(1)
        first.set()

    sampler = Sampler(tick, lambda error: None, interval_seconds=3600)
    sampler.start()
    assert first.wait(5)
    sampler.stop()
    sampler.stop()
    assert len(ticks) == 2


def test_missed_ticks_are_skipped_not_made_up_for() -> None:
    """Ticks that take longer than the interval follow each other at the interval, they do not pile up."""
    now, starts, done = [0.0], [], threading.Event()

    def tick() -> None:
        starts.append(now[0])
        now[0] += 3600.0
        if len(starts) == 3:
            done.set()

    sampler = Sampler(tick, lambda error: None, interval_seconds=0.001, monotonic_seconds=lambda: now[0])
    sampler.start()
    assert done.wait(5)
    sampler.stop()
    assert starts[:3] == [0.0, 3600.0, 7200.0]
