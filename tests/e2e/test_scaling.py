"""Several API servers share one bill; several data-parallel ranks make one of several cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import client
import pytest
from clock import gpus_charged, usd_per_hour
from counts import counts
from harness import METERED, ONE_THREAD, USD_PER_HOUR, Serve
from patience import holds_within
from scrape import scrape
from vllm_server import VLLM, Server, environment, free_port, running

pytestmark = pytest.mark.heavy

WITHIN = 0.002  # 40 s intervals, and two servers' worth of processes on two cores


@pytest.fixture(scope="module")
def two_api_servers(serve: Serve) -> Iterator[Server]:
    """One engine behind two API server processes."""
    with serve(*METERED, "--api-server-count", "2") as server:
        yield server


def count_exactly(server: Server) -> None:
    """Many connections spread over the API servers add up to the clients' usage and to vLLM's counters."""
    before, _ = counts(server.url)
    usages = client.load(server.url, requests=80, at_once=16)
    generated = sum(usage["completion_tokens"] for usage in usages)
    assert holds_within(lambda: counts(server.url)[0].since(before).generated == generated)
    ours, theirs = counts(server.url)
    assert ours == theirs


def test_tokens_add_up_over_api_servers(two_api_servers: Server) -> None:
    """Each API server sees only its own tokens; the page has their sum."""
    count_exactly(two_api_servers)


def test_dollars_are_charged_once_over_api_servers(two_api_servers: Server) -> None:
    """Two API servers are one server: the price is charged once."""
    charged = usd_per_hour(
        two_api_servers.url, lambda: client.load(two_api_servers.url, 40), at_least_seconds=40
    )
    assert charged == pytest.approx(USD_PER_HOUR, rel=WITHIN)


def test_every_state_is_told_once_over_api_servers(two_api_servers: Server) -> None:
    """Gauges do not appear once per process, and load is active wherever it arrives."""
    page = scrape(two_api_servers.url)
    assert len(page.matching("costmeter_price_usd_per_hour", component="rental")) == 1
    assert page.value("costmeter_price_usd_per_hour") == USD_PER_HOUR
    assert page.total("costmeter_cost_usd_total", state="active") > 0


def test_data_parallel_ranks_are_charged_and_counted(serve: Serve) -> None:
    """With two ranks the server pays for two cards, and their tokens add up exactly."""
    with serve(*METERED, "--data-parallel-size", "2") as server:
        count_exactly(server)
        charged = usd_per_hour(server.url, lambda: client.load(server.url, 40), at_least_seconds=40)
        assert charged == pytest.approx(2 * USD_PER_HOUR, rel=WITHIN)
        assert gpus_charged(server.url, lambda: None, at_least_seconds=20) == pytest.approx(2, rel=0.005)


def test_a_headless_node_is_charged_and_counted_by_the_head(
    serve: Serve, tiny_model: Path, tmp_path: Path
) -> None:
    """Its engine has no API server: the head pays for both cards and counts the tokens of both ranks, and the node's
    own process, metered or not, says nothing of its own."""
    two_nodes = ("--data-parallel-size", "2", "--data-parallel-size-local", "1")
    two_nodes += ("--data-parallel-address", "127.0.0.1", "--data-parallel-rpc-port", str(free_port()))
    node = (str(VLLM), "serve", str(tiny_model), "--enforce-eager", "--max-model-len", "1024", *METERED)
    node += ("--served-model-name", "tiny", *two_nodes, "--headless", "--data-parallel-start-rank", "1")
    log = tmp_path / "headless.log"
    with running(node, log, environment(ONE_THREAD)), serve(*METERED, *two_nodes) as server:
        count_exactly(server)
        per_rank = [sample.value for sample in scrape(server.url).matching("vllm:generation_tokens_total")]
        assert len(per_rank) == 2
        assert min(per_rank) > 0
        assert gpus_charged(server.url, lambda: None, at_least_seconds=20) == pytest.approx(2, rel=0.01)
        page = scrape(server.url)
        assert page.value("costmeter_price_usd_per_hour") == pytest.approx(2 * USD_PER_HOUR)
        assert not page.has("costmeter_energy_joules_total")
        assert page.total("costmeter_errors_total") == 0
    assert "Traceback" not in log.read_text()
