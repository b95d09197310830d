"""The split between prefill and decode on a real server: a mixture costs what its parts cost alone."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import client
import pytest
from harness import METERED, Serve
from scrape import Scrape, scrape
from vllm_server import Server

pytestmark = pytest.mark.timing

AT_ONCE = 16
SECONDS = 25.0
WITHIN = 0.15
LOADS = {"prefill": (512, 1), "decode": (4, 250), "long prompts": (512, 64), "even": (128, 128)}
"""Prompt and generated tokens of each request. The pure loads come first: they teach the meter and are the truth."""
STEADY_WITHIN = (
    0.12  # what the pure loads may cost differently before and after: else a neighbour was measured
)


@dataclass(frozen=True)
class Run:
    """What one load added to the counters."""

    active_usd: float
    prefill_usd: float
    prompt_tokens: float
    decode_tokens: float
    waited_prefill_seconds: float
    waited_decode_seconds: float

    @property
    def prefill_share(self) -> float:
        """As the meter splits the active cost."""
        return self.prefill_usd / self.active_usd

    @property
    def waiting_share(self) -> float:
        """As the time that requests spent in each phase would split it."""
        return self.waited_prefill_seconds / (self.waited_prefill_seconds + self.waited_decode_seconds)


def run(server: Server, prompt_tokens: int, generated_tokens: int) -> Run:
    """`AT_ONCE` clients for `SECONDS`, each request with a prompt of its own."""
    before, dice = settled(server), random.Random()
    end = time.monotonic() + SECONDS

    def ask(_: int) -> None:
        while time.monotonic() < end:
            prompt = [dice.randrange(10, 250) for _ in range(prompt_tokens)]
            client.ask(
                f"{server.url}/v1/completions",
                {"prompt": prompt, "max_tokens": generated_tokens, "ignore_eos": True},
            )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, range(AT_ONCE)))
    after = settled(server)

    def added(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    generated = added("costmeter_tokens_total", kind="generated")
    return Run(
        active_usd=added("costmeter_cost_usd_total", state="active"),
        prefill_usd=added("costmeter_phase_cost_usd_total", phase="prefill"),
        prompt_tokens=added("costmeter_tokens_total", kind="prompt_computed"),
        decode_tokens=generated - added("vllm:request_success_total"),
        waited_prefill_seconds=added("vllm:request_prefill_time_seconds_sum"),
        waited_decode_seconds=added("vllm:request_decode_time_seconds_sum"),
    )


def settled(server: Server) -> Scrape:
    """The page once the last second of work is charged."""
    time.sleep(3)
    return scrape(server.url)


@pytest.fixture(scope="module")
def runs(serve: Serve) -> dict[str, Run]:
    """Each phase alone, then two mixtures at the same batch size."""
    with serve(*METERED) as server:
        runs = {load: run(server, *tokens) for load, tokens in LOADS.items()}
        again = {load: run(server, *LOADS[load]) for load in ("prefill", "decode")}
    before, after = cost_ratio(runs), cost_ratio(again)
    if after != pytest.approx(before, rel=STEADY_WITHIN):
        pytest.skip(
            f"the machine is shared: a prompt token cost {before:.3f}, then {after:.3f} decode tokens"
        )
    return runs


def cost_ratio(runs: dict[str, Run]) -> float:
    """How many decode tokens a prompt token costs, from the two pure loads."""
    prefill, decode = runs["prefill"], runs["decode"]
    return (prefill.active_usd / prefill.prompt_tokens) / (decode.active_usd / decode.decode_tokens)


def test_pure_loads_are_charged_to_their_phase(runs: dict[str, Run]) -> None:
    """Prompts alone are prefill; decoding after four-token prompts is decode."""
    assert runs["prefill"].prefill_share == pytest.approx(1.0, abs=0.02)
    assert runs["decode"].prefill_share == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("mixture", ["long prompts", "even"])
def test_a_mixture_costs_what_its_parts_cost_alone(runs: dict[str, Run], mixture: str) -> None:
    """The split is within 15 % of what the pure loads cost per token at the same batch size; splitting by the time
    requests spent in each phase is not."""
    mixed = runs[mixture]
    prompt_worth = cost_ratio(runs) * mixed.prompt_tokens
    expected = prompt_worth / (prompt_worth + mixed.decode_tokens)
    print(
        f"{mixture}: expected {expected:.3f} split {mixed.prefill_share:.3f} by waiting {mixed.waiting_share:.3f}"
    )
    assert mixed.prefill_share == pytest.approx(expected, rel=WITHIN)
    assert mixed.waiting_share != pytest.approx(expected, rel=WITHIN)
