"""The split by the work that vLLM publishes for its steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.meter.split.mfu_work import TokenWork, published_seconds
from vllm_costmeter.core.meter.split.phases import PhaseLedger, PhaseSplit
from vllm_costmeter.core.meter.split.roofline import GENERIC_CPU, GpuRates, ModelWork
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import Work

CARD = GpuRates(flops_per_second=160e12, memory_bytes_per_second=1e12)
MODEL = ModelWork(active_parameters=8_000_000_000, weight_bytes=16_000_000_000, kv_bytes_per_token=131_072)
TOKENS = TokenWork(decode_flops=lambda context: 16e9 + 500_000 * context, prompt_flops=16e9, prompt_bytes=1e6)
DECODE_FLOPS = 500 * (16 * 10**9 + 500_000 * 2000)
PREFILL = Work(
    1.0,
    StepCounts(
        prompt_computed_tokens=10_000,
        generated_tokens=10,
        prefilled_requests=10,
        steps=5,
        prefill_step_flops=160 * 10**12,
        prefill_step_bytes=90 * 10**9,
    ),
)
DECODE = Work(
    1.0,
    StepCounts(
        generated_tokens=500,
        steps=50,
        decode_steps=50,
        decode_context_tokens=1_000_000,
        decode_step_flops=DECODE_FLOPS,
        decode_step_bytes=931 * 10**9,
    ),
)


def test_pure_steps_are_their_phases() -> None:
    """160 TFLOP of prompts alone take a second; 931 GB of decoding 0.931 s, none of it prefill's."""
    assert published_seconds(TOKENS, CARD, PREFILL.counts).prefill == pytest.approx(1.0)
    assert published_seconds(TOKENS, CARD, PREFILL.counts).decode == 0.0
    seconds = published_seconds(TOKENS, CARD, DECODE.counts)
    assert (seconds.prefill, seconds.decode) == (0.0, pytest.approx(0.931))


def test_a_prompt_that_rides_along_is_prefill_before_it_is_finished() -> None:
    """5,000 tokens of an unfinished prompt in the decode steps: half a second of FLOPs that decoding does not explain,
    though no prompt token is reported yet; their activations are not decode's either."""
    mixed = replace(
        DECODE.counts, decode_step_flops=DECODE_FLOPS + 5000 * 16 * 10**9, decode_step_bytes=936 * 10**9
    )
    seconds = published_seconds(TOKENS, CARD, mixed)
    assert seconds.prefill == pytest.approx(0.5)
    assert seconds.decode == pytest.approx(0.931)


def test_rejected_drafts_are_decoding() -> None:
    """500 drafts that were not accepted double the FLOPs of the steps, and none of that is prefill's."""
    context_read = 500_000 * 1_000_000
    speculating = replace(
        DECODE.counts, rejected_draft_tokens=500, decode_step_flops=1000 * 16 * 10**9 + context_read
    )
    assert published_seconds(TOKENS, CARD, speculating).prefill == 0.0


def test_steps_that_tell_less_than_their_tokens_explain_are_decoding() -> None:
    """An estimate that is off never makes a phase negative."""
    seconds = published_seconds(TOKENS, CARD, replace(DECODE.counts, decode_step_flops=DECODE_FLOPS // 2))
    assert (seconds.prefill, seconds.decode) == (0.0, pytest.approx(0.931))


def test_the_split_says_whose_estimate_it_is() -> None:
    """`vllm_mfu`, with the assumed GPU named; phases add up to the active money."""
    assert PhaseSplit(MODEL, GENERIC_CPU, TOKENS).method == "vllm_mfu_assumed_card"
    ledger, split = PhaseLedger(), PhaseSplit(MODEL, CARD, TOKENS)
    charge = ledger.charge(split, 10.0, PREFILL + DECODE)
    assert charge.method == "vllm_mfu"
    assert charge.prefill == pytest.approx(10 / 1.931)
    assert charge.prefill + charge.decode == 10.0


def test_evidence_outranks_estimates() -> None:
    """Once this server has shown the phases apart, its own costs are used and the label says so."""
    split = PhaseSplit(MODEL, CARD, TOKENS)
    for _ in range(30):
        split.observe(replace(PREFILL, active_seconds=5.0))
        split.observe(replace(DECODE, active_seconds=5.0))
    assert split.method == "measured"


def test_an_interval_without_estimates_is_split_by_the_roofline() -> None:
    """A step whose estimate is missing still has tokens."""
    untold = StepCounts(
        prompt_computed_tokens=10_000,
        generated_tokens=510,
        prefilled_requests=10,
        steps=55,
        decode_steps=50,
        decode_context_tokens=1_000_000,
    )
    told, plain = PhaseSplit(MODEL, CARD, TOKENS), PhaseSplit(MODEL, CARD)
    assert told.prefill_share(untold) == plain.prefill_share(untold)


def test_each_part_is_bound_by_its_own_resource() -> None:
    """Prompts alone by memory (500 GB); prompts that ride along by memory too (100 tokens of 1 GB of activations); the
    rest of the steps by compute once nothing else of their bytes is left."""
    heavy = replace(TOKENS, prompt_bytes=1e9)
    prompts = StepCounts(prefill_step_flops=16 * 10**12, prefill_step_bytes=500 * 10**9)
    assert published_seconds(heavy, CARD, prompts).prefill == pytest.approx(0.5)
    riding = replace(DECODE.counts, decode_step_flops=DECODE_FLOPS + 100 * 16 * 10**9)
    seconds = published_seconds(heavy, CARD, riding)
    assert (seconds.prefill, seconds.decode) == pytest.approx((0.1, 0.831))
    seconds = published_seconds(heavy, CARD, prompts + riding)
    assert (seconds.prefill, seconds.decode) == pytest.approx((0.6, 0.831))
    seconds = published_seconds(replace(TOKENS, prompt_bytes=1e10), CARD, riding)
    assert (seconds.prefill, seconds.decode) == pytest.approx((0.931, 8.5 / 160))


def test_a_window_that_decodes_more_than_it_prefills_is_split_by_what_is_published() -> None:
    """A tenth of a second of prompts beside 931 GB of decoding, whatever the roofline makes of the tokens."""
    mixture = (
        replace(PREFILL.counts, prefill_step_flops=10**12, prefill_step_bytes=100 * 10**9) + DECODE.counts
    )
    assert PhaseSplit(MODEL, CARD, TOKENS).prefill_share(mixture) == pytest.approx(0.1 / 1.031)
