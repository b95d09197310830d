"""A server whose memory runs out."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
from counts import counts
from fault_plugin import install_faults
from harness import METERED, USD_PER_HOUR, Serve
from moments import added, seen
from patience import holds_within
from under_load import answers, must_be_exact, under_load

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

from .conftest import Found

pytestmark = pytest.mark.chaos

FAULT_SECONDS = 20
SPARE_BYTES = 1 << 20
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def test_one_call_in_ten_into_the_meter_finds_no_memory(serve: Serve, tmp_path: Path, found: Found) -> None:
    """No request sees it; the dollars of a second whose charge broke off are told as unexplained; and once it is over
    every token is counted."""
    env, switch = install_faults(tmp_path, "MemoryError")
    with serve(*METERED, "--no-enable-prefix-caching", env=env) as server:
        healthy, before = answers(server.url), seen(server)
        switch.touch()
        with under_load(server.url) as load:
            time.sleep(FAULT_SECONDS)
        assert answers(server.url) == healthy
        switch.unlink()
        assert load.broken == []
        assert scrape(server.url).total("costmeter_errors_total") > 0
        time.sleep(3)
        after = seen(server)
        seconds = after.seconds - before.seconds
        missing = USD_PER_HOUR * seconds / 3600 - added(before, after, "costmeter_cost_usd_total")
        told = abs(added(before, after, "costmeter_unexplained_usd"))
        assert missing <= told + 0.02 * USD_PER_HOUR * seconds / 3600
        lost = lost_tokens(server)
        with under_load(server.url) as again:
            time.sleep(5)
        assert again.broken == []
        assert holds_within(lambda: lost_tokens(server) == lost, 30), (
            "tokens were lost after the faults were over"
        )
    found(
        "one call in ten into the meter raises MemoryError",
        "tokens of the steps in which the hook was struck; dollars of the seconds whose charge broke off, told as "
        "unexplained",
        requests=load.answered + load.aborted,
        seconds_lost=round(missing * 3600 / USD_PER_HOUR, 1),
        tokens_lost=lost,
    )


def lost_tokens(server: Server) -> int:
    """Generated tokens that vLLM counts and we do not."""
    ours, vllms = counts(server.url)
    return vllms.generated - ours.generated


def test_the_api_server_gets_no_more_memory(serve: Serve, found: Found) -> None:
    """Its address space is limited to what it has, with load, and the limit is lifted: what vLLM survives, we do."""
    survived: dict[str, bool] = {}
    figures: dict[str, tuple[int, int]] = {}
    for name, plugin in (("without", ()), ("with", METERED)):
        with serve(
            *plugin, "--no-enable-prefix-caching", env={"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
        ) as server:
            healthy = answers(server.url)
            before = seen(server)
            victim = server.process.pid
            with under_load(server.url) as load:
                time.sleep(3)
                limit = address_space(victim) + SPARE_BYTES
                resource.prlimit(victim, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
                time.sleep(FAULT_SECONDS)
                resource.prlimit(victim, resource.RLIMIT_AS, NO_LIMIT)
                time.sleep(3)
            survived[name] = server.process.poll() is None
            figures[name] = (load.answered + load.aborted, len(load.broken))
            if survived[name]:
                assert answers(server.url) == healthy
            if survived[name] and plugin:
                must_be_exact(server, load)
                after = seen(server)
                rate = (
                    added(before, after, "costmeter_cost_usd_total") * 3600 / (after.seconds - before.seconds)
                )
                assert rate == pytest.approx(USD_PER_HOUR, rel=0.02)
    assert survived["with"] == survived["without"]
    found(
        "the API server gets no more memory for 20 s",
        "nothing",
        requests={name: done for name, (done, _) in figures.items()},
        requests_without_an_answer={name: broken for name, (_, broken) in figures.items()},
        survives=survived,
    )


def address_space(process: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
    return pages * resource.getpagesize()
