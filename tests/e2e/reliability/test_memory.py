"""A server whose memory runs out."""

from __future__ import annotations

import os
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
ASK_FOR_MEMORY = """
import mmap, os, threading, time


def ask():
    in_vain = os.path.join(os.environ["ASKED_IN_VAIN"], str(os.getpid()))
    while True:
        try:
            mmap.mmap(-1, 8 << 20).close()
        except (OSError, MemoryError):
            with open(in_vain, "a") as file:
                file.write(".")
        time.sleep(0.5)


if os.environ.get("ASKED_IN_VAIN"):
    threading.Thread(target=ask, daemon=True).start()
"""
"""What every Python process of a server runs first: twice a second it asks for memory, and notes that it got none."""
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


def test_the_api_server_gets_no_more_memory(serve: Serve, tmp_path: Path, found: Found) -> None:
    """Its address space is limited to what it has, with load, until it asked in vain often enough, and the limit is
    lifted: what vLLM survives, we do."""
    survived: dict[str, bool] = {}
    refused: dict[str, int] = {}
    figures: dict[str, tuple[int, int]] = {}
    for name, plugin in (("without", ()), ("with", METERED)):
        asks = tmp_path / name
        asks.mkdir()
        (asks / "sitecustomize.py").write_text(ASK_FOR_MEMORY)
        path = os.pathsep.join(filter(None, (str(asks), os.environ.get("PYTHONPATH"))))
        env = {"VLLM_ENABLE_V1_MULTIPROCESSING": "1", "PYTHONPATH": path, "ASKED_IN_VAIN": str(asks)}
        with serve(*plugin, "--no-enable-prefix-caching", env=env) as server:
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
            in_vain = asks / str(victim)
            refused[name] = in_vain.stat().st_size if in_vain.exists() else 0
            assert refused[name] > 0, "no allocation failed: the limit was none"
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
        allocations_refused=refused,
        survives=survived,
    )


def address_space(process: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
    return pages * resource.getpagesize()
