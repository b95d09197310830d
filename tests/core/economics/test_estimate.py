"""The figures of an estimate, and the floor under them, on numbers that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vllm_costmeter.core.economics.throughput import (
    Estimate,
    Load,
    estimate,
    floor_seconds,
    least_seconds_per_request,
    rates_of,
    second_hand_rates,
)
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec, Provenance
from vllm_costmeter.core.meter.split.model_work import model_work
from vllm_costmeter.core.meter.split.roofline import GpuRates
from vllm_costmeter.core.model.precision import FP8, Q4, requantized
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.load import Served
from vllm_costmeter.core.serving.placement import placed
from vllm_costmeter.core.serving.ranges import Range
from vllm_costmeter.core.serving.step_parts import StepParts
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model

LLAMA = named_model("Llama 3.1 8B").model
IN_FP8, IN_4_BITS = requantized(LLAMA, FP8), requantized(LLAMA, Q4)
GPU = GpuSpec(
    "a GPU",
    bandwidth_bytes_per_second=5e12,
    bf16_flops_per_second=1e12,
    fp8_flops_per_second=2e12,
    fp4_flops_per_second=4e12,
)
FOUND = Estimate(
    Load(concurrency=10, prompt_tokens=1000, output_tokens=200),
    concurrency=10,
    copies=4,
    served=Served(
        running=2.5,
        ttft_seconds=1.0,
        tpot_seconds=0.03,
        requests_per_second=0.5,
        prefill_share=0.5,
        step_seconds=0.02,
        prefill_seconds=0.1,
    ),
    parts=StepParts(weights=3.0, kv_cache=2.0, compute=1.0, exchange=0.0, launch=0.0),
    spread=Range(0.8, 1.2),
    floor_seconds_per_request=0.4,
)


def test_the_rates_are_those_of_the_copies_that_have_a_request() -> None:
    """Four copies answer half a request a second each, of 200 tokens; with three requests one copy has none."""
    assert (FOUND.busy_copies, FOUND.generated_tokens_per_second) == (4, 400)
    assert FOUND.prefill_tokens_per_second == pytest.approx(4 * 1000 / 0.1)
    assert FOUND.decode_tokens_per_second == pytest.approx(10 / 0.02)
    fewer = replace(FOUND, concurrency=3)
    assert (fewer.busy_copies, fewer.generated_tokens_per_second) == (3, 300)


@pytest.mark.parametrize(
    ("floor", "rate", "low_high"),
    [(0.4, 400, (320, 480)), (0.45, 400, (320, 200 / 0.45)), (0.8, 250, (200, 250))],
)
def test_neither_a_rate_nor_its_range_exceeds_what_the_hardware_allows(
    floor: float, rate: float, low_high: tuple[float, float]
) -> None:
    """At 500, at 444 and at 250 tokens per second."""
    found = replace(FOUND, floor_seconds_per_request=floor)
    assert found.generated_tokens_per_second == pytest.approx(rate)
    assert found.generated_range == pytest.approx(low_high)


def test_the_limit_is_the_largest_part_or_prompts_from_half_of_the_time() -> None:
    assert FOUND.limit == "reading weights"
    assert replace(FOUND, served=replace(FOUND.served, prefill_share=0.51)).limit == "computing prompts"


@pytest.mark.parametrize(
    ("concurrency", "room", "at_once", "of_a_copy"), [(10, 100, 10, 2.5), (100, 2, 8, 2.0), (3, 100, 3, 1.0)]
)
def test_requests_are_shared_evenly_and_wait_where_there_is_no_room(
    concurrency: int, room: int, at_once: int, of_a_copy: float
) -> None:
    """Among four copies of two pipeline stages, each of which works on half of its copy's requests at a time."""
    load = Load(concurrency, 500, 100)
    args = EngineArgs(layout=ParallelConfig(1, 2, 4), max_model_len=600)
    engine = placed(LLAMA, find_gpu("H100 SXM"), args, NEWEST).engine
    found = estimate(engine, load, room, 1e-3)
    assert (found.copies, found.concurrency, found.served.running) == (4, at_once, of_a_copy)
    assert found.parts == engine.parts(of_a_copy / 2, 550)
    assert (found.load, found.floor_seconds_per_request) == (load, 1e-3)


@pytest.mark.parametrize(
    ("running", "of_copies"),
    [(1, [1]), (3, [1, 1, 1]), (7, [2, 2, 2, 1]), (9, [3, 2, 2, 2]), (12, [3, 3, 3, 3])],
)
def test_the_floor_is_that_of_all_copies_which_share_the_requests_evenly(
    running: int, of_copies: list[int]
) -> None:
    """Four copies on two times two GPUs each: a copy without a request computes nothing."""
    args = EngineArgs(layout=ParallelConfig(2, 2, 4), max_model_len=4096)
    load, work = Load(12, 100, 50), model_work(LLAMA, args, NEWEST)
    per_second = sum(4 / floor_seconds(work, GpuRates(1e12, 5e12), load, each) for each in of_copies)
    least = least_seconds_per_request(LLAMA, args, NEWEST, GPU, load=load, running=running)
    assert least == pytest.approx(1 / per_second)


def test_only_a_quantized_model_may_be_computed_in_fewer_bits() -> None:
    """At the fastest format that the GPU has: with 4 bits in a quarter of the time."""
    quick = replace(GPU, bandwidth_bytes_per_second=1e18)
    load, args = Load(1, 4000, 1), EngineArgs(max_model_len=4096)

    def least(gpu: GpuSpec, model: Any) -> float:
        return least_seconds_per_request(model, args, NEWEST, gpu, load=load, running=1)

    in_16_bits = least(quick, LLAMA)
    assert least(quick, IN_4_BITS) == pytest.approx(in_16_bits / 4)
    assert least(replace(quick, fp4_flops_per_second=None), IN_4_BITS) == pytest.approx(in_16_bits / 2)
    without = replace(quick, fp4_flops_per_second=None, fp8_flops_per_second=None)
    assert least(without, IN_4_BITS) == pytest.approx(in_16_bits)


def test_the_rates_of_a_gpu_are_those_of_the_models_precision() -> None:
    """FP8 for a model in FP8 if the GPU has it, otherwise 16 bits."""
    assert rates_of(GPU, LLAMA) == rates_of(GPU, IN_4_BITS) == GpuRates(1e12, 5e12)
    assert rates_of(GPU, IN_FP8) == GpuRates(2e12, 5e12)
    assert rates_of(replace(GPU, fp8_flops_per_second=None), IN_FP8) == GpuRates(1e12, 5e12)


@pytest.mark.parametrize("rate", ["bf16_flops_per_second", "bandwidth_bytes_per_second"])
def test_without_a_rate_there_is_no_estimate(rate: str) -> None:
    """Nor a floor."""
    unknown = replace(GPU, **{rate: None})  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="lacks the compute rate or bandwidth of a GPU"):
        rates_of(unknown, LLAMA)
    with pytest.raises(BadInputError, match="lacks the compute rate"):
        least_seconds_per_request(LLAMA, EngineArgs(), NEWEST, unknown, load=Load(1, 1, 1), running=1)


def test_second_hand_rates_are_named() -> None:
    """Those that the model uses, and no others."""
    doubted = {
        name: Provenance("a forum", "2026", verified=False)
        for name in ("bf16_flops_per_second", "bandwidth_bytes_per_second")
    }
    spec = replace(GPU, provenance=doubted)
    assert second_hand_rates(spec, LLAMA) == ("16-bit rate", "bandwidth")
    assert second_hand_rates(spec, IN_FP8) == ("bandwidth",)
    assert second_hand_rates(GPU, LLAMA) == ()
    volta = replace(spec, bf16_flops_per_second=None, fp16_flops_per_second=1e12)
    assert second_hand_rates(volta, LLAMA) == ("bandwidth",)
    in_fp8 = replace(GPU, provenance={"fp8_flops_per_second": Provenance("a forum", "2026", verified=False)})
    assert second_hand_rates(in_fp8, IN_FP8) == ("FP8 rate",)
