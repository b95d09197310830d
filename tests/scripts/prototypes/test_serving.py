"""The closed-form load model agrees with the scheduler simulated step by step."""

from __future__ import annotations

import statistics

import pytest

from scripts.prototypes.serving import simulation
from scripts.prototypes.serving.load import REQUEST_PATH, TOKENISING, Requests, closed, most_running, opened
from scripts.prototypes.serving.shapes import SHAPES
from scripts.prototypes.serving.step import ASYNCHRONOUS, Server, server

CASES = [("Llama-3.1-8B", "H100 SXM", "bf16", 512, 256), ("gpt-oss-120b", "B200 SXM", "mxfp4", 2000, 500)]


def engine(known: Server, requests: Requests) -> simulation.Engine:
    """As large as the model says the KV cache is."""
    full = requests.prompt + requests.output / 2
    return simulation.Engine(
        known.seconds, known.batched_tokens, kv_tokens=most_running(known, requests) * full
    )


@pytest.mark.parametrize(("model", "gpu", "weights", "prompt", "output"), CASES)
def test_a_closed_loop_serves_within_five_percent_of_the_simulation(
    model: str, gpu: str, weights: str, prompt: int, output: int
) -> None:
    """Steady state: the first and the last wave are long past in eight waves."""
    known, requests = server(SHAPES[model], gpu, weights, host=ASYNCHRONOUS), Requests(prompt, output)
    done = simulation.closed_loop(engine(known, requests), [(prompt, output)] * 128, 16)
    tokens_per_second = len(done) * output / max(each.end for each in done)
    assert closed(known, requests, 16).tokens_per_second == pytest.approx(tokens_per_second, rel=0.05)


@pytest.mark.parametrize(("model", "gpu", "weights", "prompt", "output"), CASES)
def test_at_half_load_ttft_is_within_a_tenth_of_the_simulation(
    model: str, gpu: str, weights: str, prompt: int, output: int
) -> None:
    """Poisson arrivals at half of what the server could take."""
    known, requests = server(SHAPES[model], gpu, weights, host=ASYNCHRONOUS), Requests(prompt, output)
    most = most_running(known, requests)
    rate = closed(known, requests, most, most).tokens_per_second / output / 2
    done = simulation.open_loop(engine(known, requests), [(prompt, output)] * 150, rate, seed=2)[30:]
    path = REQUEST_PATH + TOKENISING * prompt
    ttft = statistics.mean(each.first - each.arrival for each in done) + path
    found = opened(known, requests, rate)
    assert found is not None
    assert found.ttft == pytest.approx(ttft, rel=0.10)
