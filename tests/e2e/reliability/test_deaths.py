"""Processes of a server die, freeze, or starve."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import client
import pytest
from clock import usd_per_hour
from fault_plugin import STARVED, install_faults
from harness import METERED, USD_PER_HOUR, Serve
from moments import added, seen
from patience import holds_within
from under_load import Load, answers, must_be_exact, under_load

from scripts.bench.processes import members
from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

from .conftest import Found
from .test_signals import LATE_SECONDS, PATIENCE_SECONDS, lost_seconds, spent

pytestmark = pytest.mark.chaos

TWO = ("--api-server-count", "2")
MOST_THREADS_OF_A_POOL = 40
"""What anyio lets a web server use for routes that block, such as /metrics."""


def named(server: Server, title: str) -> list[int]:
    """The server's processes whose title contains a text."""
    found = []
    for process in members(server.process.pid):
        command = Path(f"/proc/{process}/cmdline")
        if command.exists() and title in command.read_bytes().decode(errors="replace"):
            found.append(process)
    return found


def threads(server: Server) -> int:
    """Of all its processes."""
    return sum(len(list(Path(f"/proc/{process}/task").iterdir())) for process in members(server.process.pid))


@pytest.mark.parametrize(
    ("fault", "title", "flags"),
    [
        ("the engine's process is killed", "EngineCore", ()),
        ("the worker is killed, the largest process, as where memory runs out", "Worker", ()),
        ("one of three API servers is killed", "APIServer_1", ("--api-server-count", "3")),
    ],
)
def test_a_process_dies(  # noqa: PLR0917 (fixtures)
    serve: Serve, tmp_path: Path, fault: str, title: str, flags: tuple[str, ...], found: Found
) -> None:
    """The server ends as it does without the plugin, and the ledger has all but its last seconds."""
    statuses = []
    for plugin in ((), METERED):
        began = time.monotonic()
        ledger = tmp_path / "ledger.sqlite3"
        kept_in = ("--costmeter-ledger", str(ledger)) if plugin else ()
        env = {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
        with serve(*plugin, *flags, *kept_in, env=env) as server, under_load(server.url):
            time.sleep(12)
            page = scrape(server.url)
            (victim,) = named(server, title)
            os.kill(victim, signal.SIGKILL)
            statuses.append(server.process.wait(PATIENCE_SECONDS))
    lost = lost_seconds(page, spent(ledger), time.monotonic() - began)
    assert lost <= LATE_SECONDS
    assert statuses[0] == statuses[1]
    found(
        fault,
        "at most the last 7 seconds",
        seconds_lost=round(lost, 2),
        exit_status={"with": statuses[1], "without": statuses[0]},
    )


@pytest.mark.parametrize(
    ("fault", "title", "seconds", "flags"),
    [
        ("every process is stopped for 75 s", "", 75, ()),
        ("every process of two API servers is stopped for 75 s", "", 75, TWO),
        ("the API server that charges is stopped for 20 s", "APIServer_0", 20, TWO),
        ("an API server that only counts is stopped for 20 s", "APIServer_1", 20, TWO),
    ],
)
def test_frozen_processes(  # noqa: PLR0917 (fixtures)
    serve: Serve, fault: str, title: str, seconds: int, flags: tuple[str, ...], found: Found
) -> None:
    """As a suspended machine, for longer than the shortest window and than processes wait for each other: the time is
    charged once and every token counts."""
    with serve(*METERED, *flags, "--no-enable-prefix-caching") as server:
        healthy, loads = answers(server.url), list[Load]()

        def frozen() -> None:
            with under_load(server.url) as load:
                loads.append(load)
                time.sleep(4)
                stopped = named(server, title)
                for process in stopped:
                    os.kill(process, signal.SIGSTOP)
                time.sleep(seconds)
                for process in stopped:
                    os.kill(process, signal.SIGCONT)
                time.sleep(4)

        rate = usd_per_hour(server.url, frozen, at_least_seconds=0)
        (load,) = loads
        assert load.broken == []
        must_be_exact(server, load)
        assert answers(server.url) == healthy
        assert rate == pytest.approx(USD_PER_HOUR, rel=0.02)
        assert scrape(server.url).total("costmeter_errors_total") == 0
    found(fault, "nothing", requests=load.answered + load.aborted, usd_error=rate / USD_PER_HOUR - 1)


def test_a_starved_sampler(serve: Serve, tmp_path: Path, found: Found) -> None:
    """The meter's thread does not run for thirty seconds: requests do, and it catches up."""
    env, switch = install_faults(tmp_path)
    starved = switch.with_name(switch.name + STARVED)
    with serve(*METERED, "--no-enable-prefix-caching", env=env) as server:
        healthy, before = answers(server.url), seen(server)
        starved.touch()
        with under_load(server.url) as load:
            time.sleep(30)
        assert answers(server.url) == healthy
        starved.unlink()
        time.sleep(3)
        assert load.broken == []
        must_be_exact(server, load)
        after = seen(server)
        rate = added(before, after, "costmeter_cost_usd_total") * 3600 / (after.seconds - before.seconds)
        assert rate == pytest.approx(USD_PER_HOUR, rel=0.02)
        assert after.page.total("costmeter_errors_total") == 0
    found("the meter's thread does not run for 30 s", "nothing: it catches up", requests=load.answered)


def test_two_hundred_scrapes_a_second(serve: Serve, found: Found) -> None:
    """As many as eight scrapers at once get, with load beside them: tokens are exact, and the only threads that scrapes
    add are those of the web server's pool, with and without the plugin."""
    figures: dict[str, dict[str, int]] = {}
    for name, plugin in (("without", ()), ("with", METERED)):
        with serve(*plugin) as server:
            idle_threads = threads(server)
            with under_load(server.url, clients=2) as load, ThreadPoolExecutor(8) as pool:
                end = time.monotonic() + 20

                def scrapes(deadline: float = end, url: str = server.url) -> int:
                    done, began = 0, time.monotonic()
                    while time.monotonic() < deadline:
                        client.get(f"{url}/metrics").raise_for_status()
                        done += 1
                        time.sleep(max(0.0, began + done / 25 - time.monotonic()))
                    return done

                jobs = [pool.submit(scrapes) for _ in range(8)]
                done = sum(job.result() for job in jobs)
            assert load.broken == []
            if plugin:
                must_be_exact(server, load)
                assert scrape(server.url).total("costmeter_errors_total") == 0
            busy_threads = threads(server)
            assert busy_threads - idle_threads <= MOST_THREADS_OF_A_POOL
            assert holds_within(lambda before=busy_threads, at=server: threads(at) <= before, 5)
        row = {
            "scrapes_per_second": round(done / 20),
            "requests": load.answered + load.aborted,
            "threads_before": idle_threads,
            "threads_after": busy_threads,
        }
        for figure, value in row.items():
            figures.setdefault(figure, {})[name] = value
    found(
        "eight scrapers ask for /metrics 200 times a second, or as often as it answers", "no token", **figures
    )
