"""A node of its own for a data-parallel rank or for half of an engine: it works, and has no API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clock import gpus_charged
from counts import count_exactly
from harness import METERED, ONE_THREAD, USD_PER_HOUR, Serve
from server_slots import ServerSlots

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import VLLM, environment, free_port, running

pytestmark = pytest.mark.heavy


@pytest.fixture
def both_slots(slots: ServerSlots) -> Iterator[None]:
    """The places of both nodes."""
    with slots.both():
        yield


def test_a_headless_node_is_charged_and_counted_by_the_head(
    both_slots: None, serve: Serve, tiny_model: Path, tmp_path: Path
) -> None:
    """Its engine has no API server: the head pays for both GPUs and counts the tokens of both ranks, and the node's
    own process, metered or not, says nothing of its own."""
    two_nodes = ("--data-parallel-size", "2", "--data-parallel-size-local", "1")
    two_nodes += ("--data-parallel-address", "127.0.0.1", "--data-parallel-rpc-port", str(free_port()))
    node = (str(VLLM), "serve", str(tiny_model), "--enforce-eager", "--max-model-len", "1024", *METERED)
    node += ("--served-model-name", "tiny", *two_nodes, "--headless", "--data-parallel-start-rank", "1")
    log = tmp_path / "headless.log"
    with running(node, log, environment(ONE_THREAD)), serve(*METERED, *two_nodes) as server:
        count_exactly(server.url)
        per_rank = [sample.value for sample in scrape(server.url).matching("vllm:generation_tokens_total")]
        assert len(per_rank) == 2
        assert min(per_rank) > 0
        assert gpus_charged(server.url, lambda: None, at_least_seconds=20) == pytest.approx(2, rel=0.01)
        page = scrape(server.url)
        assert page.value("costmeter_price_usd_per_hour") == pytest.approx(2 * USD_PER_HOUR)
        assert not page.has("costmeter_energy_joules_total")
        assert page.total("costmeter_errors_total") == 0
    assert "Traceback" not in log.read_text()


def test_an_engine_over_two_nodes_is_counted_once_and_pays_for_both(
    both_slots: None, serve: Serve, tiny_model: Path, tmp_path: Path
) -> None:
    """Tensor parallel over two nodes (`--nnodes 2`): the second runs workers only, so every token is counted by the
    head alone, which charges a GPU second for each of both GPUs."""
    two_nodes = ("--tensor-parallel-size", "2", "--nnodes", "2", "--master-addr", "127.0.0.1")
    two_nodes += ("--master-port", str(free_port()), "--distributed-executor-backend", "mp")
    node = (str(VLLM), "serve", str(tiny_model), "--enforce-eager", "--max-model-len", "1024", *METERED)
    node += ("--served-model-name", "tiny", *two_nodes, "--node-rank", "1", "--headless")
    log = tmp_path / "second.log"
    engine = {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    with (
        running(node, log, environment(ONE_THREAD)),
        serve(*METERED, *two_nodes, "--node-rank", "0", env=engine) as server,
    ):
        count_exactly(server.url)
        assert gpus_charged(server.url, lambda: None, at_least_seconds=20) == pytest.approx(2, rel=0.01)
        page = scrape(server.url)
        assert page.value("costmeter_price_usd_per_hour") == pytest.approx(2 * USD_PER_HOUR)
        assert page.total("costmeter_errors_total") == 0
    assert "Traceback" not in log.read_text()
