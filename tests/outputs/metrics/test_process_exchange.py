"""What the API processes of one server tell each other."""

from __future__ import annotations

from pathlib import Path

from vllm_costmeter.core.meter.activity import EngineEvent
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.shares.request_work import WorkSums
from vllm_costmeter.core.meter.shares.work_pools import Claim, PerPool, RequestRates, Spent
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.outputs.metrics.process_exchange import ProcessExchange, PublishedRates

ENGINE = EngineTotals(
    1,
    StepCounts(prompt_computed_tokens=10, prompt_cached_tokens=2, generated_tokens=5, steps=7),
    active_seconds=1.5,
    kv_cache_usage_ratio=0.25,
    last_token_unix_seconds=1.5e9,
    events=(EngineEvent(95.0, "step", 2, 94.5), EngineEvent(99.0, "sleep")),
)


def test_the_others_read_what_was_written(tmp_path: Path) -> None:
    """Whole and unchanged; one's own file is not among the others'."""
    one, two = ProcessExchange(tmp_path, 0, 90.0), ProcessExchange(tmp_path, 1, 90.0)
    two.write_engines(100.0, [ENGINE])
    assert (one.other_ranks(), two.other_ranks()) == ([1], [])
    told = one.read_engines(1, 100.2)
    assert told is not None
    assert (told.rank, told.written_seconds, told.engines) == (1, 100.0, (ENGINE,))


def test_names_of_tenants_are_the_servers_users_alone(tmp_path: Path) -> None:
    """Whatever the mode of the directory that the processes share."""
    ProcessExchange(tmp_path, 1, 90.0).write_engines(100.0, [ENGINE])
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_old_events_are_not_told_again(tmp_path: Path) -> None:
    """The file stays small however long the engine has run."""
    one, two = ProcessExchange(tmp_path, 0, 0.0), ProcessExchange(tmp_path, 1, 0.0)
    two.write_engines(102.0, [ENGINE])
    told = one.read_engines(1, 102.0)
    assert told is not None
    assert told.engines[0].events == (EngineEvent(99.0, "sleep"),)


def test_a_file_of_an_earlier_run_is_not_read(tmp_path: Path) -> None:
    """Neither one from before this start nor one of a clock that was ahead (the machine rebooted)."""
    ProcessExchange(tmp_path, 1, 0.0).write_engines(10.0, [ENGINE])
    assert ProcessExchange(tmp_path, 0, 100.0).read_engines(1, 101.0) is None
    ProcessExchange(tmp_path, 1, 0.0).write_engines(5000.0, [ENGINE])
    assert ProcessExchange(tmp_path, 0, 100.0).read_engines(1, 101.0) is None


def test_rates_are_told_to_everybody(tmp_path: Path) -> None:
    """None before they are known, and none of an earlier run."""
    one, two = ProcessExchange(tmp_path, 0, 90.0), ProcessExchange(tmp_path, 1, 90.0)
    assert two.read_rates() is None
    rates = RequestRates(PerPool(Spent(1e-7, 0.5), Spent(2e-6, 3.0), Spent(1e-9), Spent()))
    latest = RequestRates(PerPool(Spent(3e-7, 0.5)))
    published = PublishedRates(101.0, rates, True, False, latest, usd_per_second=0.25)
    one.write_rates(published)
    assert two.read_rates() == published
    assert ProcessExchange(tmp_path, 1, 200.0).read_rates() is None


def test_what_requests_were_charged_is_told_to_the_charging_process(tmp_path: Path) -> None:
    """Every pool and the work, unchanged."""
    claim = Claim(
        PerPool(Spent(1e-7, 0.5), Spent(2e-6, 3.0), Spent(1e-9), Spent(4.0, 5.0)), WorkSums(1, 2, 3)
    )
    ProcessExchange(tmp_path, 1, 90.0).write_engines(100.0, [ENGINE], claim)
    told = ProcessExchange(tmp_path, 0, 90.0).read_engines(1, 101.0)
    assert told is not None
    assert told.claimed == claim


def test_what_lies_there_under_another_name_is_no_process(tmp_path: Path) -> None:
    """The directory is everybody's: a file without a number is not asked."""
    exchange = ProcessExchange(tmp_path, 0, 90.0)
    for name in ("costmeter_engines_.json", "costmeter_engines_x.json", "costmeter_engines_1.json.1.tmp"):
        (tmp_path / name).touch()
    assert exchange.other_ranks() == []
