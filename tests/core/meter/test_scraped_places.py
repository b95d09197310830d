"""Engines that come, go and sleep, and servers that are not the one of before."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.core.engines.sample import EngineCounts, EngineSample
from vllm_costmeter.core.meter.scraped import ScrapedServer, SeveralServersError, fell

VLLM = BY_KEY["vllm"]
ZERO = EngineCounts(prompt_tokens=0, cached_tokens=0, generated_tokens=0, running_requests=0)
START = 1e9


def page(*engines: EngineCounts, process: str | None = "a", started: float | None = None) -> EngineSample:
    return EngineSample("vllm", engines, "m", process, started)


def followed(*looks: tuple[float, EngineSample], engine: Engine = VLLM) -> ScrapedServer:
    server = ScrapedServer(engine, looks[0][1])
    for seconds, sample in looks:
        server.look(seconds, START + seconds, sample)
    return server


def test_every_counter_and_the_present_are_told() -> None:
    """Requests by outcome, looks as steps, the use of the cache, and the moment of the last token: of the look that
    showed one more, not of one that showed none."""
    first = replace(
        ZERO, finished_requests=10, aborted_requests=3, failed_requests=1, kv_cache_usage_ratio=0.5
    )
    later = replace(first, generated_tokens=1, finished_requests=15, aborted_requests=5, failed_requests=2)
    last = replace(later, kv_cache_usage_ratio=0.25)
    server = followed((5, page(first)))
    (totals,) = server.totals()
    assert (totals.counts.steps, totals.kv_cache_usage_ratio, totals.last_token_unix_seconds) == (
        1,
        0.5,
        None,
    )
    server = followed((5, page(first)), (6, page(later)), (7, page(last)))
    (totals,) = server.totals()
    counts = totals.counts
    assert (counts.finished_requests, counts.aborted_requests, counts.failed_requests) == (5, 2, 1)
    assert (counts.generated_tokens, counts.steps, totals.kv_cache_usage_ratio) == (1, 3, 0.25)
    assert (totals.last_token_unix_seconds, totals.observed_monotonic_seconds) == (START + 6, 7)


@pytest.mark.parametrize(
    ("last", "now", "active", "asleep"),
    [
        ({"running_requests": 1}, {"running_requests": 1}, 0.5, 0.0),
        ({"running_requests": 1}, {"running_requests": None}, 0.25, 0.0),
        ({"running_requests": None}, {"running_requests": None}, 0.0, 0.0),
        ({"asleep": True}, {"asleep": False}, 0.0, 0.25),
        ({"asleep": True, "running_requests": 4}, {"running_requests": 4}, 0.25, 0.25),
        ({"asleep": True, "running_requests": 4}, {"asleep": True, "running_requests": 4}, 0.0, 0.5),
    ],
)
def test_half_a_second_is_divided_by_its_two_looks(
    last: dict[str, float], now: dict[str, float], active: float, asleep: float
) -> None:
    """A page that tells no running requests shows none; what an engine sleeps it does not work."""
    server = followed((5, page(replace(ZERO, **last))), (5.5, page(replace(ZERO, **now))))
    (totals,) = server.totals()
    assert (totals.active_seconds, totals.asleep_seconds) == (active, asleep)


@pytest.mark.parametrize(("gap", "active", "unseen"), [(10.0, 10.0, 0.0), (10.5, 0.0, 10.5)])
def test_ten_seconds_between_two_looks_are_still_seen(gap: float, active: float, unseen: float) -> None:
    """Nobody knows whether requests ran in a longer silence."""
    busy = page(replace(ZERO, running_requests=1))
    server = followed((5, busy), (5 + gap, busy))
    assert (server.totals()[0].active_seconds, server.unseen_seconds) == (active, unseen)


@pytest.mark.parametrize(("gap", "restarts"), [(2.4, None), (2.5, 1)])
def test_no_server_is_back_within_two_and_a_half_seconds(gap: float, restarts: int | None) -> None:
    """Another process so soon is another server."""
    server, other = followed((5, page(ZERO))), page(ZERO, process="b")
    if restarts is None:
        with pytest.raises(SeveralServersError):
            server.look(5 + gap, START + 5 + gap, other)
    else:
        server.look(5 + gap, START + 5 + gap, other)
    assert server.restarts == (restarts or 0)


@pytest.mark.parametrize(("started", "is_other"), [(-60.0, False), (-60.5, True)])
def test_clocks_may_differ_by_a_minute(started: float, is_other: bool) -> None:
    """A process that started longer before the last look, by its own clock, ran beside the one that was seen."""
    server = followed((100, page(ZERO)))
    other = page(ZERO, process="b", started=START + 100 + started)
    if is_other:
        with pytest.raises(SeveralServersError):
            server.look(200, START + 200, other)
    else:
        server.look(200, START + 200, other)
    assert server.restarts == (0 if is_other else 1)


def test_before_the_first_look_any_process_is_the_server() -> None:
    """It was found by one page and is followed from the next, however old its process is."""
    server = ScrapedServer(VLLM, page(replace(ZERO, generated_tokens=9)))
    server.look(0.5, START, page(replace(ZERO, generated_tokens=4), process="b", started=START - 1e6))
    server.look(1.5, START + 1, page(replace(ZERO, generated_tokens=6), process="b"))
    assert server.totals()[0].counts.generated_tokens == 2


def test_a_page_without_a_process_is_of_the_one_before() -> None:
    """And the name that was known is kept: another one is still another."""
    server = followed((0, page(ZERO)), (5, page(ZERO, process=None)))
    assert server.restarts == 0
    server.look(10, START + 10, page(ZERO, process="b"))
    assert server.restarts == 1


def engine(index: int, tokens: float, usage: float | None = None) -> EngineCounts:
    """One of several."""
    return replace(ZERO, index=index, generated_tokens=tokens, kv_cache_usage_ratio=usage)


def test_new_engines_take_the_free_places_in_order() -> None:
    """Of three, two are gone: the first that comes takes the first of their places, the next the other, and one more
    counts with the first engine."""
    first = page(engine(1, 0, 0.5), engine(2, 0), engine(3, 0))
    grown = page(
        engine(1, 1, 0.5),
        replace(engine(7, 10, 0.25), running_requests=1),
        engine(8, 100),
        engine(9, 1000, 1.0),
    )
    server = followed((0, first), (3, grown))
    assert server.indexes == (1, 2, 3)
    assert [totals.engine_index for totals in server.totals()] == [1, 2, 3]
    assert [totals.counts.generated_tokens for totals in server.totals()] == [1001, 10, 100]
    assert [totals.kv_cache_usage_ratio for totals in server.totals()] == [0.75, 0.25, None]
    assert [totals.last_token_unix_seconds for totals in server.totals()] == [START + 3] * 3
    assert [totals.active_seconds for totals in server.totals()] == [0.0] * 3


def test_a_place_has_the_seconds_of_all_that_were_in_it() -> None:
    """And the last token of any of them; the present is of those that are there."""
    busy = replace(engine(0, 5, 0.5), running_requests=1, asleep=True)
    looks = [(0, page(replace(busy, generated_tokens=0))), (2, page(busy)), (4, page(engine(6, 0, 0.125)))]
    (totals,) = followed(*looks, (6, page(replace(engine(6, 0, 0.125), asleep=True)))).totals()
    assert (totals.asleep_seconds, totals.last_token_unix_seconds) == (2.0 + 1.0, START + 2)
    assert totals.kv_cache_usage_ratio == 0.125


@pytest.mark.parametrize(
    ("key", "cached", "told"),
    [
        ("vllm", None, True),
        ("llamacpp", None, False),
        ("llamacpp", 0.0, True),
        ("trtllm", None, False),
        ("tgi", None, False),
    ],
)
def test_cached_tokens_are_known_where_their_absence_means_none(
    key: str, cached: float | None, told: bool
) -> None:
    """Otherwise from the first page that has them, and then of every engine or not at all."""
    counts = replace(ZERO, cached_tokens=cached)
    assert followed((0, page(counts)), engine=BY_KEY[key]).tells_cached is told
    silent = replace(ZERO, index=1, cached_tokens=None)
    both = followed((0, page(counts, silent)), engine=BY_KEY[key])
    assert both.tells_cached is (key == "vllm")


def test_a_server_was_restarted_as_often_as_its_most_restarted_engine() -> None:
    """One of them joined after the first restart."""
    server = followed(
        (0, page(ZERO)), (5, page(ZERO, engine(1, 0), process="b")), (10, page(ZERO, process="c"))
    )
    assert server.restarts == 2


@pytest.mark.parametrize(
    ("before", "after", "is_lower"),
    [(5.0, 5.0, False), (5.0, 4.0, True), (5.0, None, True), (None, None, False), (None, 5.0, False)],
)
def test_a_counter_falls_if_it_is_lower_or_gone(
    before: float | None, after: float | None, is_lower: bool
) -> None:
    """One that appears has not."""
    assert fell(EngineCounts(failed_requests=before), EngineCounts(failed_requests=after)) is is_lower
