"""A server followed from outside, look by look."""

from __future__ import annotations

import contextlib
import random

import pytest

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.core.engines.sample import EngineCounts, EngineSample
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.scraped import LONGEST_GAP_SECONDS, ScrapedServer, SeveralServersError

VLLM, SGLANG, LLAMA = BY_KEY["vllm"], BY_KEY["sglang"], BY_KEY["llamacpp"]
ZERO = EngineCounts(prompt_tokens=0, cached_tokens=0, generated_tokens=0, running_requests=0)


def page(*engines: EngineCounts, process: str | None = "a") -> EngineSample:
    return EngineSample("vllm", engines, "m", process)


def followed(*looks: tuple[float, EngineSample], engine=VLLM) -> ScrapedServer:
    server = ScrapedServer(engine, looks[0][1])
    for seconds, sample in looks:
        server.look(seconds, 1e9 + seconds, sample)
    return server


def only(server: ScrapedServer) -> EngineTotals:
    (totals,) = server.totals()
    return totals


def tokens(server: ScrapedServer) -> tuple[int, int, int]:
    counts = only(server).counts
    return counts.prompt_computed_tokens, counts.prompt_cached_tokens, counts.generated_tokens


def test_counts_begin_at_the_first_look() -> None:
    """What the engine had counted before is not ours; computed tokens are the prompt's less the cached ones."""
    first = replace(ZERO, prompt_tokens=1000, cached_tokens=400, generated_tokens=500)
    later = replace(ZERO, prompt_tokens=1100, cached_tokens=460, generated_tokens=530)
    assert tokens(followed((0, page(first)))) == (0, 0, 0)
    assert tokens(followed((0, page(first)), (1, page(later)))) == (40, 60, 30)


def test_llama_cpps_prompt_has_no_cached_tokens_to_take_off() -> None:
    """Its two counters are apart."""
    later = replace(ZERO, prompt_tokens=100, cached_tokens=60, generated_tokens=30)
    assert tokens(followed((0, page(ZERO)), (1, page(later)), engine=LLAMA)) == (100, 60, 30)


@pytest.mark.parametrize(
    ("now", "process"),
    [
        (
            replace(ZERO, prompt_tokens=70, generated_tokens=7),
            "b",
        ),  # another process, its counters higher by chance
        (replace(ZERO, prompt_tokens=70, generated_tokens=2), None),  # one counter fell
    ],
)
def test_a_restarted_engine_counts_on(now: EngineCounts, process: str | None) -> None:
    """What the new process counted since its start is added, and nothing is ever negative."""
    last = replace(ZERO, prompt_tokens=50, generated_tokens=5)
    server = followed((0, page(ZERO)), (1, page(last)), (9, page(now, process=process)))
    assert tokens(server) == (50 + 70, 0, 5 + now.generated_tokens)
    assert server.restarts == 1


def test_a_counter_that_is_gone_is_a_restart() -> None:
    """SGLang and the Rust front end have none before the first request: a first burst past the old count is all
    new."""
    before = EngineCounts(prompt_tokens=100, cached_tokens=0, generated_tokens=10, running_requests=0)
    fresh = EngineCounts(running_requests=0)
    burst = EngineCounts(prompt_tokens=300, generated_tokens=30, running_requests=0)
    server = followed((0, page(before)), (9, page(fresh)), (10, page(burst)), engine=SGLANG)
    assert tokens(server) == (300, 0, 30)


@pytest.mark.parametrize("process", ["b", None])
def test_a_load_balancer_is_not_taken_for_restarts(process: str | None) -> None:
    """Two servers that answer in turns: the first is metered, the other's counters are not added again and again."""
    first, other = replace(ZERO, generated_tokens=5000), replace(ZERO, generated_tokens=1000)
    server = followed((0, page(first)))
    for second in range(1, 20, 2):
        with pytest.raises(SeveralServersError, match="load balancer"):
            server.look(second, 0, page(other, process=process))
        server.look(second + 1, 0, page(replace(first, generated_tokens=5000 + second)))
    assert tokens(server) == (0, 0, 19)


def test_a_process_older_than_the_last_look_is_another_server() -> None:
    """However long the silence was: it ran while the first one was seen."""
    server = followed((0, page(ZERO)), (100, page(ZERO)))
    older = replace(page(replace(ZERO, generated_tokens=9), process="b"), started_unix_seconds=1e9 - 1000)
    with pytest.raises(SeveralServersError):
        server.look(200, 1e9 + 200, older)
    server.look(210, 1e9 + 210, replace(older, started_unix_seconds=1e9 + 150))
    assert (tokens(server), server.restarts) == ((0, 0, 9), 1)


def test_counters_never_decrease_whatever_the_pages_say() -> None:
    """A thousand random pages, restarts and holes among them."""
    chance = random.Random(17)
    server, seen, now = ScrapedServer(VLLM, page(ZERO)), (0, 0, 0), 0.0
    spent = 0.0
    for _ in range(1000):
        now += chance.choice((0.5, 1.0, 3.0, 30.0))
        counts = EngineCounts(
            prompt_tokens=chance.choice((None, chance.randrange(1000))),
            cached_tokens=chance.choice((None, chance.randrange(1000))),
            generated_tokens=chance.choice((None, chance.randrange(1000))),
            running_requests=chance.choice((None, 0, 1, 5)),
            asleep=chance.choice((None, False, True)),
        )
        with contextlib.suppress(SeveralServersError):
            server.look(now, now, page(counts, process=chance.choice((None, "a", "b"))))
        assert all(after >= before for before, after in zip(seen, tokens(server), strict=True))
        seen, totals = tokens(server), only(server)
        assert spent <= totals.active_seconds + totals.asleep_seconds + server.unseen_seconds <= now
        spent = totals.active_seconds + totals.asleep_seconds + server.unseen_seconds


@pytest.mark.parametrize(
    ("before", "after", "active"),
    [
        (replace(ZERO, running_requests=2), replace(ZERO, running_requests=1), 2.0),
        (replace(ZERO, running_requests=2), ZERO, 1.0),
        (ZERO, replace(ZERO, running_requests=2), 1.0),
        (ZERO, ZERO, 0.0),
        (ZERO, replace(ZERO, generated_tokens=5), 0.0),
    ],
)
def test_active_time_follows_the_running_requests(
    before: EngineCounts, after: EngineCounts, active: float
) -> None:
    """All of the time between two looks, half of it, or none."""
    assert only(followed((0, page(before)), (2, page(after)))).active_seconds == pytest.approx(active)


@pytest.mark.parametrize(("period", "long"), [(2.3, 0.7), (0.31, 0.04), (17.0, 9.0)])
def test_looks_at_random_moments_find_the_active_share(period: float, long: float) -> None:
    """Requests shorter or longer than the time between looks: on average their share is right."""
    chance, now = random.Random(1), 0.0
    server = ScrapedServer(VLLM, page(ZERO))
    while now < 60_000:
        server.look(now, now, page(replace(ZERO, running_requests=int(now % period < long))))
        now += 1.0 + chance.uniform(-0.2, 0.2)
    assert only(server).active_seconds / now == pytest.approx(long / period, rel=0.03)


def test_sleep_is_told_by_the_engine() -> None:
    """Asleep at both looks: all of it; one that tells nothing is not asleep."""
    asleep = replace(ZERO, asleep=True)
    totals = only(followed((0, page(asleep)), (4, page(asleep)), (6, page(ZERO))))
    assert (totals.asleep_seconds, totals.active_seconds) == (5.0, 0.0)


def test_a_long_silence_is_unseen() -> None:
    """Its tokens are counted, and its time is neither active nor asleep."""
    busy = replace(ZERO, running_requests=3)
    gone = LONGEST_GAP_SECONDS + 5
    server = followed((0, page(busy)), (gone, page(replace(busy, generated_tokens=9))))
    assert (tokens(server), server.unseen_seconds, only(server).active_seconds) == ((0, 0, 9), gone, 0.0)


def test_an_engine_that_joins_later_is_counted_with_the_first() -> None:
    """Elastic data parallelism: no token is lost, and one that leaves takes none back."""
    one, two = replace(ZERO, generated_tokens=10), replace(ZERO, index=1, generated_tokens=2)
    more = replace(two, generated_tokens=5)
    server = followed((0, page(ZERO)), (1, page(one, two)), (2, page(one, more)), (3, page(one)))
    assert tokens(server) == (0, 0, 15)


def test_a_replica_takes_the_place_of_the_one_that_is_gone() -> None:
    """Its tokens and its active time are its own, and the old one's stay, also when that comes back."""
    old = replace(ZERO, index=7, generated_tokens=1000, running_requests=1)
    new = replace(ZERO, index=9, generated_tokens=50, running_requests=1)
    looks = [(0, page(old)), (1, page(old)), (2, page(new)), (3, page(new)), (4, page(old))]
    server = followed(*looks)
    assert server.indexes == (7,)
    assert tokens(server) == (0, 0, 50)
    assert only(server).active_seconds == pytest.approx(1 + 1 + 3)
