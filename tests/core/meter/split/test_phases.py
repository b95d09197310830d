"""Active money divided between prefill and decode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.meter.engine_account import EngineAccount
from vllm_costmeter.core.meter.phase_bill import PhaseBill
from vllm_costmeter.core.meter.shares.work_pools import Spent
from vllm_costmeter.core.meter.split.phases import PhaseLedger, PhaseSplit
from vllm_costmeter.core.meter.split.roofline import GENERIC_CPU, GpuRates, ModelWork, roofline_seconds
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import NOTHING, Work

LLAMA_8B = ModelWork(active_parameters=8_000_000_000, weight_bytes=16_000_000_000, kv_bytes_per_token=131_072)
CARD = GpuRates(flops_per_second=160e12, memory_bytes_per_second=1e12)
PREFILL = Work(
    1.0, StepCounts(prompt_computed_tokens=10_000, generated_tokens=10, prefilled_requests=10, steps=5)
)
DECODE = Work(
    1.0, StepCounts(generated_tokens=500, steps=50, decode_steps=50, decode_context_tokens=1_000_000)
)


def test_prefill_is_bound_by_compute() -> None:
    """10,000 prompt tokens are 2 x 8e9 x 10,000 FLOPs: one second at 160 TFLOPS."""
    seconds = roofline_seconds(LLAMA_8B, CARD, PREFILL.counts)
    assert (seconds.prefill, seconds.decode) == (pytest.approx(1.0), 0.0)


def test_decode_is_bound_by_reading_weights_and_context() -> None:
    """50 steps read 16 GB each and a million context tokens of 128 KiB: 0.8 s + 0.131 s at 1 TB/s."""
    seconds = roofline_seconds(LLAMA_8B, CARD, DECODE.counts)
    assert (seconds.prefill, seconds.decode) == (0.0, pytest.approx(0.931, rel=1e-3))


def test_a_short_prompt_costs_at_least_one_reading_of_the_weights() -> None:
    """A step that prefills ten tokens reads the weights like any other."""
    seconds = roofline_seconds(
        LLAMA_8B,
        CARD,
        StepCounts(prompt_computed_tokens=10, generated_tokens=1, prefilled_requests=1, steps=1),
    )
    assert seconds.prefill == pytest.approx(0.016)


def test_a_large_batch_makes_decode_compute_bound() -> None:
    """10,000 decode tokens in one step cost their FLOPs, not one reading."""
    seconds = roofline_seconds(LLAMA_8B, CARD, StepCounts(generated_tokens=10_000, steps=1, decode_steps=1))
    assert seconds.decode == pytest.approx(1.0)


def test_a_mixture_of_experts_reads_the_experts_its_tokens_chose() -> None:
    """One token of an 8-of-128 model reads 1/16 of the experts; a large batch reads all."""
    moe = ModelWork(3_000_000_000, 2_000_000_000, 50_000, 16_000_000_000, experts=128, experts_per_token=8)
    assert moe.bytes_per_step(1) == pytest.approx(3e9)
    assert moe.bytes_per_step(1000) == pytest.approx(18e9)


def test_long_prompts_pay_for_attention() -> None:
    """Causal attention over half the mean prompt: 4 x width x 5,000 FLOPs a token here, a quarter of the 2N."""
    wide = ModelWork(8_000_000_000, 16_000_000_000, 131_072, attention_width=200_000)
    one_long = roofline_seconds(
        wide,
        CARD,
        StepCounts(prompt_computed_tokens=10_000, generated_tokens=1, prefilled_requests=1, steps=2),
    ).prefill
    assert one_long == pytest.approx(1.25)


def test_the_method_says_when_the_gpu_is_assumed() -> None:
    """A CPU's rates are typical, not known: the label says so."""
    assert PhaseSplit(LLAMA_8B, CARD).method == "roofline"
    assert PhaseSplit(LLAMA_8B, GENERIC_CPU).method == "roofline_assumed_card"


def test_a_model_without_weights_cannot_be_split() -> None:
    """It is refused where it is made, not divided by at run time."""
    with pytest.raises(ValueError, match="above 0"):
        ModelWork(0, 0, 0)


def test_pure_work_is_charged_to_its_phase() -> None:
    """Only prompts: prefill. Only decoding: decode."""
    split, ledger = PhaseSplit(LLAMA_8B, CARD), PhaseLedger()
    assert ledger.charge(split, 2.0, PREFILL)[1:] == (2.0, 0.0)
    assert ledger.charge(split, 3.0, DECODE)[1:] == (0.0, 3.0)


def test_a_long_prompt_is_prefill_before_its_tokens_are_reported() -> None:
    """Three seconds without a token, then the prompt's 10,000 and some decoding: the four seconds are divided by all
    the work of the four, and what prefill already has counts."""
    split, ledger = PhaseSplit(LLAMA_8B, CARD), PhaseLedger()
    charges = [ledger.charge(split, 1.0, Work(1.0, StepCounts(steps=1))) for _ in range(3)]
    assert [charge.prefill for charge in charges] == [1.0, 1.0, 1.0]
    last = ledger.charge(split, 1.0, PREFILL + DECODE)
    share = 1.0 / 1.931
    assert sum(charge.prefill for charge in (*charges, last)) == pytest.approx(max(3.0, 4 * share), rel=1e-3)


def test_an_overcharged_phase_is_made_good_by_later_ticks() -> None:
    """Counters cannot fall, so the correction comes out of the next ticks of the other phase."""
    split, ledger = PhaseSplit(LLAMA_8B, CARD), PhaseLedger()
    total = [ledger.charge(split, 3.0, Work(3.0, StepCounts(steps=1)))]
    total += [ledger.charge(split, 1.0, PREFILL + DECODE) for _ in range(20)]
    assert sum(charge.prefill for charge in total) == pytest.approx(23 / 1.931, rel=1e-3)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10), st.sampled_from([PREFILL, DECODE, NOTHING, Work(1.0, StepCounts(steps=3))])
        )
    )
)
def test_phases_add_up_and_never_fall(ticks: list[tuple[float, Work]]) -> None:
    """Whatever the order of work, each tick's phases are 0 or more and add up to its money."""
    split, ledger = PhaseSplit(LLAMA_8B, CARD), PhaseLedger()
    for usd, work in ticks:
        _, prefill, decode = ledger.charge(split, usd, work)
        assert min(prefill, decode) >= 0
        assert prefill + decode == pytest.approx(usd, rel=1e-12)


@pytest.mark.parametrize(
    ("seconds", "ran_empty", "shown"),
    [(4.75, False, 0), (5.0, False, 1), (0.75, True, 0), (1.0, True, 1)],
)
def test_an_interval_is_shown_once_it_is_long_enough(seconds: float, ran_empty: bool, shown: int) -> None:
    """Five seconds, or one after which the engine ran empty; shorter ones are joined."""
    split, ledger = CountedEvidence(), PhaseLedger()
    ledger.charge(split, 9.0, Work(seconds / 2, DECODE.counts), ran_empty)
    ledger.charge(split, 9.0, Work(seconds / 2, StepCounts(steps=1)), ran_empty)
    assert split.seen == [Work(seconds, DECODE.counts + StepCounts(steps=1))] * shown


def test_time_without_a_token_waits_for_one() -> None:
    """Then it is shown as a whole."""
    split, ledger = CountedEvidence(), PhaseLedger()
    ledger.charge(split, 9.0, Work(60.0, StepCounts(steps=1)))
    assert split.seen == []
    ledger.charge(split, 9.0, DECODE)
    assert split.seen == [Work(61.0, DECODE.counts + StepCounts(steps=1))]


def test_a_phase_that_measured_nothing_is_split_by_the_roofline() -> None:
    """Half and half where measurement knows of neither."""
    split = PhaseSplit(LLAMA_8B, CARD)
    for _ in range(3):
        split.observe(Work(10.0, PREFILL.counts))
        split.observe(Work(10.0, DECODE.counts))
    assert split.method == "measured"
    assert split.prefill_share(PREFILL.counts) == 1.0
    assert split.prefill_share(DECODE.counts) == 0.0
    both = split.prefill_share(PREFILL.counts + DECODE.counts)
    assert both == pytest.approx(0.5, rel=0.02)


class CountedEvidence(PhaseSplit):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(LLAMA_8B, CARD)
        self.seen: list[Work] = []

    def observe(self, work: Work) -> None:
        self.seen.append(work)


def test_work_is_evidence_once_though_its_money_and_its_energy_are_split() -> None:
    """The same seconds seen twice would count as two measurements."""
    split = CountedEvidence()
    work = Work(60.0, DECODE.counts)
    PhaseBill(split).charge(EngineAccount(), Spent(1.0, 1.0), work, ran_empty=False)
    assert split.seen == [work]
