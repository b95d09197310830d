"""LoRA adapters on a real server, which also publishes its own estimates of its work."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import client
import pytest
from counts import counts
from harness import METERED, Serve
from patience import holds_within
from tiny_adapters import adapter_flags

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

TOKENS = 300


@pytest.fixture(scope="module")
def adapted(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The tiny model with two adapters, and `--enable-mfu-metrics`."""
    flags = adapter_flags(tmp_path_factory.mktemp("adapters"), "german", "polite")
    with serve(*METERED, "--enable-mfu-metrics", *flags) as server:
        yield server


@dataclass(frozen=True)
class Request:
    """When one request ran, from its client's point of view."""

    model: str
    began: float
    ended: float
    generated: int


def request(server: Server, model: str) -> Request:
    """One request of its own client."""
    began = time.monotonic()
    usage = client.complete(server.url, f"as {model}", model=model, max_tokens=TOKENS, ignore_eos=True)
    return Request(model, began, time.monotonic(), usage["completion_tokens"])


def shares(ran: Sequence[Request]) -> dict[str, float]:
    """Each model's part of the time in which any request ran, divided equally among those that ran at each moment."""
    moments = sorted({moment for one in ran for moment in (one.began, one.ended)})
    seconds: dict[str, float] = defaultdict(float)
    for start, end in pairwise(moments):
        running = [one.model for one in ran if one.began <= start and end <= one.ended]
        for model in running:
            seconds[model] += (end - start) / len(running)
    return {model: part / sum(seconds.values()) for model, part in seconds.items()}


def ran_together(ran: Sequence[Request]) -> bool:
    """Whether requests of equal length began and ended together, so that clients saw what the engine did. On a busy
    machine a client may wait for its answer long after the engine gave it."""
    began, ended = [one.began for one in ran], [one.ended for one in ran]
    apart = max(max(began) - min(began), max(ended) - min(ended))
    return apart < 0.25 * (max(ended) - min(began))


def ask_together(server: Server, *models: str) -> tuple[dict[str, float], dict[str, float]]:
    """As `ask`, of the first of a few times in which the requests ran together."""
    for _ in range(8):
        added, share, ran = _asked(server, models)
        if ran_together(ran):
            return added, share
    raise AssertionError("the requests never ran together")


def ask(server: Server, *models: str) -> tuple[dict[str, float], dict[str, float]]:
    """One request for each, all at once; returns the active dollars that this added ("all", and by adapter) and each
    model's share of the time as the clients saw it."""
    added, share, _ = _asked(server, models)
    return added, share


def _asked(server: Server, models: Sequence[str]) -> tuple[dict[str, float], dict[str, float], list[Request]]:
    before, earlier = scrape(server.url), counts(server.url)[0]
    with ThreadPoolExecutor(len(models)) as pool:
        ran = list(pool.map(lambda model: request(server, model), models))
    generated = sum(one.generated for one in ran)
    assert holds_within(lambda: counts(server.url)[0].since(earlier).generated == generated)
    assert holds_within(lambda: is_idle(server))
    ours, theirs = counts(server.url)
    assert ours == theirs
    added = {
        name: usd - usd_by_adapter(before).get(name, 0.0)
        for name, usd in usd_by_adapter(scrape(server.url)).items()
    }
    return added, shares(ran), ran


def is_idle(server: Server) -> bool:
    """Whether a second of idleness is charged, so that nothing of the active time is still due."""
    earlier, now = scrape(server.url), scrape(server.url)
    return usd_by_adapter(earlier) == usd_by_adapter(now)


def usd_by_adapter(page: Scrape) -> dict[str, float]:
    found = {sample.labels["lora"]: sample.value for sample in page.matching("costmeter_lora_cost_usd_total")}
    return {"all": page.total("costmeter_cost_usd_total", state="active"), **found}


def test_an_adapter_alone_takes_the_active_bill(adapted: Server) -> None:
    """What is active while only its requests run is its own, but for the first step; the base model has no label."""
    assert ask(adapted, "tiny")[0].keys() == {"all"}
    ask(adapted, "german")  # loads it, in one long step
    added, _ = ask(adapted, "german")
    assert added["all"] * 0.9 < added["german"] <= added["all"] * (1 + 1e-9)


def test_adapters_and_the_base_model_share_what_runs_at_once(adapted: Server) -> None:
    """Two requests of an adapter, one of another and one of the base model: what runs at a moment shares it equally,
    about a half, a quarter, and a quarter that has no label."""
    ask(adapted, "polite")
    added, share = ask_together(adapted, "german", "german", "polite", "tiny")
    assert added.keys() == {"all", "german", "polite"}
    for name in ("german", "polite"):
        assert added[name] / added["all"] == pytest.approx(share[name], abs=0.06)


def test_vllm_s_own_estimates_split_the_active_bill(adapted: Server) -> None:
    """With `--enable-mfu-metrics` the label names whose estimate it is, and the phases add up to the active bill."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: client.complete(adapted.url, f"{n} " * 250, max_tokens=20), range(12)))
    page = scrape(adapted.url)
    split = page.matching("costmeter_phase_cost_usd_total")
    assert {sample.labels["method"] for sample in split} == {"vllm_mfu_assumed_card"}
    assert min(sample.value for sample in split) > 0
    active = page.total("costmeter_cost_usd_total", state="active")
    assert sum(sample.value for sample in split) == pytest.approx(active, rel=1e-6)
    assert page.total("vllm:estimated_flops_per_gpu_total") > 0
    assert page.total("costmeter_errors_total") == 0
