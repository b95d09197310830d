"""The closed forms agree with vLLM's scheduler simulated step by step."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace
from functools import cache

import pytest

from scripts.accuracy import scheduler_simulation
from scripts.accuracy.serving_models import measured_model
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.arrivals import Latency, Loads, under_arrivals
from vllm_costmeter.core.serving.load import Requests, in_flight
from vllm_costmeter.core.serving.served_model import served_model
from vllm_costmeter.core.serving.serving_gpu import serving_gpu
from vllm_costmeter.core.serving.step import Engine
from vllm_costmeter.sources.catalogue.load import find_gpu

CASES = [
    ("Llama-3.1-8B", "bf16", "H100 SXM", 1, Requests(512, 256), 256),
    ("Llama-3.1-8B", "bf16", "RTX 4090", 1, Requests(2000, 200), 24),
    ("gpt-oss-120b", "mxfp4", "H100 SXM", 1, Requests(2000, 500), 100),
    ("Llama-3.3-70B", "fp8", "H200 SXM", 2, Requests(4000, 500, cached_share=0.5), 60),
]


@cache
def engine(name: str, weights: str, gpu: str, tensor: int) -> Engine:
    """One server."""
    args, spec = EngineArgs(layout=ParallelConfig(tensor)), find_gpu(gpu)
    model = measured_model(name, weights)
    assert model is not None
    return Engine(served_model(model, args, NEWEST, spec), serving_gpu(spec), args.layout, 8192)


def scheduler(known: Engine, requests: Requests, places: int) -> scheduler_simulation.Engine:
    """The scheduler in front of the same steps; cached prompt tokens are before those that it computes."""
    cached = requests.prompt_tokens - requests.computed_tokens
    return scheduler_simulation.Engine(
        lambda decoding, context, prompt, before: known.seconds(
            decoding, context + cached, prompt, before + cached
        ),
        batched_tokens=known.batched_tokens,
        most_sequences=places,
    )


def lengths(requests: Requests, number: int) -> list[tuple[int, int]]:
    """Evenly from half to one and a half times the mean."""
    draw = random.Random(5)
    return [
        (
            round(requests.computed_tokens * draw.uniform(0.5, 1.5)),
            round(requests.output_tokens * draw.uniform(0.5, 1.5)),
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} on {case[2]}")
def test_a_closed_loop_serves_within_five_percent_of_the_simulation(case: tuple) -> None:  # type: ignore[type-arg]
    """Sixteen requests at any time."""
    *named, requests, places = case
    known = engine(*named)
    done = scheduler_simulation.closed_loop(scheduler(known, requests, places), lengths(requests, 160), 16)
    tokens_per_second = sum(each.output for each in done) / max(each.end for each in done)
    found = in_flight(known, requests, 16, places).requests_per_second * requests.output_tokens
    assert found == pytest.approx(tokens_per_second, rel=0.08)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} on {case[2]}")
def test_at_half_load_latency_is_that_of_the_simulation(case: tuple) -> None:  # type: ignore[type-arg]
    """Poisson arrivals at half of what the server could take: mean TTFT and TPOT within a seventh, the 95th percentiles
    within a quarter."""
    *named, requests, places = case
    known = engine(*named)
    loads = Loads(known, requests, places)
    rate = loads.capacity / 2
    simulated = scheduler_simulation.open_loop(
        scheduler(known, requests, places), lengths(requests, 700), rate, seed=3
    )
    done = sorted(simulated, key=lambda each: each.arrival)[100:650]
    path = known.host.path(requests.prompt_tokens)
    ttft = sorted(each.first - each.arrival + path for each in done)
    tpot = sorted(each.time_per_token for each in done)
    found = under_arrivals(loads, rate)
    assert found is not None
    assert found.ttft_seconds() == pytest.approx(statistics.mean(ttft), rel=0.15)
    assert found.tpot_seconds() == pytest.approx(statistics.mean(tpot), rel=0.15)
    assert found.ttft_seconds(0.95) == pytest.approx(_at(ttft, 0.95), rel=0.25)
    assert found.tpot_seconds(0.95) == pytest.approx(_at(tpot, 0.95), rel=0.25)


def _at(values: list[float], share: float) -> float:
    return values[int(share * len(values))]


def test_latency_grows_with_the_rate_and_with_the_share_of_requests() -> None:
    """Up to the capacity, beyond which there is no answer."""
    loads = Loads(engine("Llama-3.1-8B", "bf16", "H100 SXM", 1), Requests(512, 256), 64)
    found = [under_arrivals(loads, loads.capacity * share) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    known = [each for each in found if each is not None]
    assert len(known) == 5
    for measure in (Latency.ttft_seconds, Latency.tpot_seconds):
        for share in (None, 0.5, 0.95, 0.99):
            values = [measure(each, share) for each in known]
            assert values == sorted(values)
        assert measure(known[2], 0.99) > measure(known[2], 0.95) > measure(known[2], 0.5)
    assert under_arrivals(loads, loads.capacity) is None


def test_a_cached_prefix_and_accepted_drafts_raise_the_capacity() -> None:
    """Prompts then take less time, and answers fewer steps."""
    known = engine("Llama-3.3-70B", "fp8", "H200 SXM", 2)
    drafting = replace(known, drafted_tokens=3)
    plain, cached, drafted = (
        Loads(server, requests, 16).capacity
        for server, requests in (
            (known, Requests(500, 500)),
            (known, Requests(500, 500, cached_share=0.8)),
            (drafting, Requests(500, 500, accepted_tokens=1.5)),
        )
    )
    assert cached > plain
    assert drafted > 1.2 * plain
