"""The time that work needs of each resource at its published rate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.meter.split.roofline import (
    GENERIC_CPU,
    GpuRates,
    ModelWork,
    ResourceSeconds,
    RooflineSeconds,
    decode_kv_share,
    resource_seconds,
    roofline_seconds,
)
from vllm_costmeter.core.meter.step_counts import StepCounts

MODEL = ModelWork(
    active_parameters=10**9,
    weight_bytes=2 * 10**9,
    kv_bytes_per_token=1e6,
    expert_weight_bytes=8 * 10**9,
    experts=4,
    experts_per_token=2,
    attention_width=1000,
)
"""A step over one token reads 2 + 8 / 2 = 6 GB, over two 2 + 8 x 3 / 4 = 8 GB, over three 9 GB."""
RATES = GpuRates(flops_per_second=1e12, memory_bytes_per_second=1e11)


@pytest.mark.parametrize(
    ("counts", "seconds"),
    [
        # 1000 tokens in prompts of 500: 2e9 FLOPs each and 4 x 1000 x 250 of attention; 1000 steps of one token
        (
            StepCounts(prompt_computed_tokens=1000, prefilled_requests=2, generated_tokens=2, steps=1000),
            (2.001, 60.0, 0.0, 0.0),
        ),
        # four tokens of a prompt that is not finished, in two steps of two
        (StepCounts(prompt_computed_tokens=4, steps=2), (4 * (2e9 + 8000) / 1e12, 0.16, 0.0, 0.0)),
        # the same in decode steps, which read the weights anyway, more of them than were counted in all
        (
            StepCounts(prompt_computed_tokens=4, steps=1, decode_steps=3),
            (4 * (2e9 + 8000) / 1e12, 0.0, 0.0, 0.0),
        ),
        # ten tokens in five steps of two, over 4000 tokens of context; steps without prompts are not prefill's
        (
            StepCounts(
                generated_tokens=12, prefilled_requests=2, steps=9, decode_steps=5, decode_context_tokens=4000
            ),
            (0.0, 0.0, 0.02, 0.4 + 0.04),
        ),
        # three tokens of a step that nobody counted
        (StepCounts(generated_tokens=3), (0.0, 0.0, 0.006, 0.09)),
        # first tokens only: nothing was decoded, so nothing read for it
        (
            StepCounts(generated_tokens=2, prefilled_requests=2, decode_steps=5, decode_context_tokens=4000),
            (0.0, 0.0, 0.0, 0.0),
        ),
        (StepCounts(steps=7), (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_each_phase_needs_its_flops_and_its_bytes(
    counts: StepCounts, seconds: tuple[float, float, float, float]
) -> None:
    """By hand, with the formulas of Kaplan et al. and Pope et al.; each phase takes the longer of its two."""
    needed = resource_seconds(MODEL, RATES, counts)
    expected = ResourceSeconds(*seconds)
    assert (needed.prefill_compute, needed.prefill_memory) == pytest.approx(seconds[:2])
    assert (needed.decode_compute, needed.decode_memory) == pytest.approx(seconds[2:])
    assert needed.compute == pytest.approx(expected.prefill_compute + expected.decode_compute)
    assert needed.memory == pytest.approx(expected.prefill_memory + expected.decode_memory)
    total = roofline_seconds(MODEL, RATES, counts)
    assert (
        total
        == RooflineSeconds(
            pytest.approx(max(seconds[:2])),  # type: ignore[arg-type]
            pytest.approx(max(seconds[2:])),  # type: ignore[arg-type]
        )
    )


def test_a_step_reads_the_experts_that_its_tokens_choose() -> None:
    """Two of four for one token, three quarters for two; a dense model's weights whatever the number."""
    assert [MODEL.bytes_per_step(tokens) for tokens in (1, 2, 3)] == [6e9, 8e9, 9e9]
    assert replace(MODEL, experts=0).bytes_per_step(3) == 2e9


def test_the_caches_share_is_that_of_the_bytes() -> None:
    """4000 tokens of a megabyte beside five readings of 8 GB; none where nothing was decoded."""
    counts = StepCounts(generated_tokens=10, decode_steps=5, decode_context_tokens=4000)
    assert decode_kv_share(MODEL, counts) == pytest.approx(4 / 44)
    assert decode_kv_share(MODEL, replace(counts, generated_tokens=0)) == 0.0
    assert decode_kv_share(MODEL, replace(counts, decode_steps=0, generated_tokens=3)) == pytest.approx(
        4 / 13
    )


def test_only_a_quantized_model_may_run_at_the_fastest_rate() -> None:
    """And a fastest rate below the usual one slows nothing down."""
    quantized = replace(MODEL, is_quantized=True)
    fast, slow = replace(RATES, fastest_flops_per_second=2e12), replace(RATES, fastest_flops_per_second=5e11)
    assert fast.bound_for(quantized).flops_per_second == 2e12
    assert fast.bound_for(MODEL) == fast
    assert slow.bound_for(quantized).flops_per_second == 1e12
    assert RATES.bound_for(quantized) == RATES


@pytest.mark.parametrize(("parameters", "weight_bytes"), [(0, 1), (1, 0), (-1, 1)])
def test_a_model_needs_parameters_and_bytes(parameters: int, weight_bytes: int) -> None:
    """One of each is enough."""
    with pytest.raises(ValueError, match="above 0"):
        ModelWork(parameters, weight_bytes, 0.0)
    assert ModelWork(1, 1, 0.0).bytes_per_step(1) == 1.0


def test_a_typical_cpu_is_the_one_that_intel_publishes() -> None:
    """60 cores at 1.9 GHz with two FMA units of 16 floats, eight channels of 4800 MT/s and 8 bytes; assumed."""
    assert GENERIC_CPU.flops_per_second == pytest.approx(60 * 1.9e9 * 64, rel=1e-3)
    assert GENERIC_CPU.memory_bytes_per_second == pytest.approx(8 * 4800e6 * 8, rel=1e-3)
    assert GENERIC_CPU.assumed


@pytest.mark.parametrize(
    ("context", "tokens", "expected"),
    [
        (400, 4, 4 * (100 * 10 + 100 * 3 + 100 * 5 + 7)),  # within both windows
        (2_000, 4, 4 * (500 * 10 + 200 * 3 + 500 * 5 + 7)),
        (40_000, 4, 4 * (10_000 * 10 + 200 * 3 + 1_000 * 5 + 7)),  # beyond both
        (0, 3, 3 * 7),
    ],
)
def test_a_decode_step_reads_windows_and_states_beside_the_whole_context(
    context: int, tokens: int, expected: float
) -> None:
    """Layers of a window of 200 tokens, of 1,000, of none, and a state."""
    work = ModelWork(1, 1, 10.0, kv_windows=((200, 3.0), (1_000, 5.0)), state_bytes=7.0)
    assert work.kv_bytes(context, tokens) == expected
