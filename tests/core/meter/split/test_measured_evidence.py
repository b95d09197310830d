"""How much each interval counts in what prefill and decode are measured to take."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter import GpuRates, ModelWork
from vllm_costmeter.core.meter.split.measured import MeasuredCosts
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import Work

CARD = GpuRates(flops_per_second=160e12, memory_bytes_per_second=1e12)
MODEL = ModelWork(active_parameters=8_000_000_000, weight_bytes=16_000_000_000, kv_bytes_per_token=131_072)
"""At the roofline 10,000 prompt or decode tokens take a second, and so do 62.5 decode steps."""


def work(prefill: float, decode: float, slow: float = 1.0, tokens_per_step: int = 160) -> Work:
    """So many seconds of each phase at the roofline, on a server that is `slow` times slower. With 160 tokens a step
    half of decoding is its tokens and half its steps."""
    steps = round(decode / (0.016 + 1e-4 * tokens_per_step))
    return Work(
        (prefill + decode) * slow,
        StepCounts(
            prompt_computed_tokens=round(prefill * 10_000),
            generated_tokens=steps * tokens_per_step,
            decode_steps=steps,
            steps=steps,
        ),
    )


def taught(*intervals: Work) -> MeasuredCosts:
    """After these."""
    costs = MeasuredCosts(MODEL, CARD)
    for interval in intervals:
        costs.observe(interval)
    return costs


def test_before_any_evidence_a_step_and_its_tokens_are_the_rooflines() -> None:
    """Ten steps of 16 tokens: 0.16 s of weights and 0.016 s of computing; steps that decoded nothing are none; a step
    over one token of a mixture of experts reads the chosen ones."""
    costs = MeasuredCosts(MODEL, CARD)
    decoded = StepCounts(generated_tokens=160, decode_steps=10)
    assert costs.seconds(decoded).decode == pytest.approx(0.176)
    assert costs.seconds(StepCounts(decode_steps=10)).decode == 0.0
    mixture = ModelWork(8_000_000_000, 16_000_000_000, 0.0, 80_000_000_000, experts=10, experts_per_token=2)
    assert MeasuredCosts(mixture, CARD).seconds(decoded).decode == pytest.approx(0.32 + 0.016)
    assert not costs.sufficient


@pytest.mark.parametrize("slow", [1.0, 3.0])
@pytest.mark.parametrize(
    ("prefill", "decode", "enough"),
    [(9.6, 32.0, False), (10.4, 32.0, True), (32.0, 9.6, False), (32.0, 10.4, True)],
)
def test_ten_seconds_of_each_phase_alone_are_enough(
    prefill: float, decode: float, slow: float, enough: bool
) -> None:
    """However slow the server is: it is the seconds that it took which count, of steps and of tokens."""
    costs = taught(work(prefill / slow, 0.0, slow), work(0.0, decode / slow, slow, tokens_per_step=40))
    assert costs.sufficient is enough


@pytest.mark.parametrize(("seconds", "enough"), [(150, False), (172, True)])
def test_a_mixture_counts_less_the_more_even_it_is(seconds: int, enough: bool) -> None:
    """Three quarters of one phase are half pure, which counts a quarter: 160 s of each of two such mixtures tell the
    phases apart as 10 s of each alone would, a little more where the first has faded."""
    costs = taught(work(0.75 * seconds, 0.25 * seconds), work(0.25 * seconds, 0.75 * seconds))
    assert costs.sufficient is enough


def test_evidence_once_enough_stays_so() -> None:
    """Days of one mixture later the fit is still the better guess."""
    costs = taught(work(16.0, 0.0), work(0.0, 16.0), *[work(1800.0, 1800.0)] * 48)
    assert costs.sufficient


def test_evidence_fades_by_half_in_an_hour_of_active_time() -> None:
    """1800 s of work at the roofline's pace, then an hour at half of it, each weighted by its expected time: what is
    left of the first counts as much as the second, so prefill is taken to be one and a half times as slow."""
    costs = taught(work(3600.0, 0.0), work(1800.0, 0.0, slow=2.0))
    assert costs.seconds(StepCounts(prompt_computed_tokens=10_000)).prefill == pytest.approx(1.5)


def test_the_roofline_counts_like_a_second_of_evidence() -> None:
    """Two seconds of prefill at the roofline's pace, then six of decoding at a third of it: overall half. Prefill is
    (2 x 1 + 2 / 2^2) / (2 + 1 / 2^2), decode (6 + 2 p) / (2 + p) with p = 1 / decode^2: 2.946."""
    costs = taught(work(2.0, 0.0), work(0.0, 2.0, slow=3.0, tokens_per_step=1))
    assert costs.seconds(StepCounts(prompt_computed_tokens=10_000)).prefill == pytest.approx(
        2.5 / 2.25, rel=2e-3
    )
    decoded = StepCounts(generated_tokens=1000, decode_steps=1000)
    assert costs.seconds(decoded).decode == pytest.approx(16.1 * 2.946, rel=5e-3)


def test_a_server_may_be_faster_than_its_roofline() -> None:
    """Rates are published for the worst clocks, or the GPU is another: half the time is half the time."""
    costs = taught(work(8.0, 0.0, slow=0.5), work(0.0, 8.0, slow=0.5))
    assert costs.seconds(StepCounts(prompt_computed_tokens=10_000)).prefill == pytest.approx(0.5)
    assert costs.seconds(work(0.0, 1.6).counts).decode == pytest.approx(0.8)


def test_no_phase_takes_less_than_nothing() -> None:
    """A mixture that was over in less time than its prompts alone would have taken: its decoding is taken for free."""
    costs = taught(work(100.0, 0.0), Work(5.0, work(20.0, 80.0).counts))
    assert costs.seconds(work(0.0, 80.0).counts).decode == 0.0
    assert costs.seconds(work(20.0, 0.0).counts).prefill > 5.0
