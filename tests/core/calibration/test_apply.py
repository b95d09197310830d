"""Recorded starts make the answer for the same deployment better, and for no other worse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.calibration.apply import flags_of
from vllm_costmeter.core.calibration.record import boot_of
from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import Release, release_of

RELEASE = release_of("0.32.0")
PLAN = EngineArgs(max_model_len=8192)
RULED = fit(llama(), ADA, PLAN, RELEASE)


def available(result: Fit) -> int:
    """Bytes left for the KV cache."""
    assert result.per_gpu is not None
    return result.per_gpu.kv_cache_available_bytes


def started(
    shift_gib: float, engine_args: EngineArgs = PLAN, gpu: GpuGroup = ADA, gib: float = 14.96
) -> ServerStart:
    """A start whose pool was smaller than foreseen by so much."""
    foreseen = available(fit(llama(gib), gpu, engine_args, RELEASE))
    pool = max(foreseen - round(shift_gib * GIB), 1)
    boot = boot_of(llama(gib), gpu, engine_args, RELEASE, pool_bytes=pool, on="2026-11-22")
    assert boot is not None
    return boot


@pytest.mark.parametrize("shift", [-0.5, 0.4, 1.5])
def test_the_same_deployment_gets_the_pool_that_it_had(shift: float) -> None:
    """To the byte, at any length and utilisation, and the answer says so."""
    starts = (started(shift),)
    for engine_args in (PLAN, replace(PLAN, max_model_len=4096), replace(PLAN, gpu_memory_utilization=0.9)):
        ruled, result = (
            fit(llama(), ADA, engine_args, RELEASE),
            fit(llama(), ADA, engine_args, RELEASE, starts),
        )
        assert available(result) == available(ruled) - round(shift * GIB)
        assert result.provenance["activations"] == "calibration"
        assert "as measured in a start with these flags, last on 2026-11-22" in result.notes[-1]


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 6), st.integers(1, 3))
def test_the_parts_still_add_up(shift: float, count: int) -> None:
    """budget = weights + activations + graphs + non-torch + KV cache, whatever was measured; nothing is negative."""
    use = fit(llama(), ADA, PLAN, RELEASE, (started(shift),) * count).per_gpu
    assert use is not None
    beside = (use.activations_bytes, use.cuda_graphs_bytes, use.non_torch_bytes)
    assert min(beside) >= 0
    assert use.budget_bytes == use.weights_bytes + sum(beside) + use.kv_cache_available_bytes


def test_one_boot_never_refuses_what_the_rules_would_not() -> None:
    """A neighbour may have taken the memory; a second start that agrees is believed."""
    accident = started(5.0)
    assert fit(llama(), ADA, PLAN, RELEASE, (accident,)).verdict == "tight"
    assert fit(llama(), ADA, PLAN, RELEASE, (accident, accident)).verdict == "refused"
    assert fit(llama(), ADA, PLAN, RELEASE, (accident, started(0.0))).verdict == "tight"


def test_a_measured_pool_narrows_the_range() -> None:
    """What was tight is known to fit."""
    longest = RULED.max_model_len_that_fits
    assert longest is not None
    longer = replace(PLAN, max_model_len=longest + 64)
    assert fit(llama(), ADA, longer, RELEASE).verdict == "tight"
    assert fit(llama(), ADA, longer, RELEASE, (started(-0.6),)).verdict == "fits"


@settings(max_examples=40, deadline=None)
@given(st.floats(-6, 6), st.integers(1024, 131072), st.sampled_from([14.0, 16.5, 18.0]))
def test_other_flags_keep_their_verdict(shift: float, length: int, gib: float) -> None:
    """A start with another batch moves the usual figure within the range, and nothing else."""
    other = started(shift, replace(PLAN, max_num_seqs=16), gib=gib)
    engine_args = replace(PLAN, max_model_len=length)
    ruled, result = (
        fit(llama(gib), ADA, engine_args, RELEASE),
        fit(llama(gib), ADA, engine_args, RELEASE, (other,)),
    )
    assert (result.verdict, result.reason) == (ruled.verdict, ruled.reason)
    assert result.max_model_len_that_fits == ruled.max_model_len_that_fits
    assert result.kv_cache_available_range_bytes == ruled.kv_cache_available_range_bytes
    assert "the range is unchanged" in result.notes[-1]


@pytest.mark.parametrize("in_budget", [True, False])
def test_a_start_with_another_estimate_of_graphs_is_another_deployment(in_budget: bool) -> None:
    """VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS moves memory that a start measured."""
    asked = replace(PLAN, cuda_graphs_in_budget=in_budget)
    engine = resolve_engine(llama(), ADA, PLAN, RELEASE)
    assert flags_of(llama(), engine, asked) != flags_of(llama(), engine, PLAN)


@pytest.mark.parametrize(
    ("gpu", "engine_args", "release"),
    [
        (replace(ADA, name="L40S"), PLAN, RELEASE),
        (ADA, PLAN, release_of("0.30.0")),
        (replace(ADA, count=2), replace(PLAN, layout=ParallelConfig(2)), RELEASE),
        (ADA, replace(PLAN, kv_cache_memory_bytes=GIB), RELEASE),
    ],
)
def test_another_key_is_not_touched(gpu: GpuGroup, engine_args: EngineArgs, release: Release) -> None:
    """Another GPU, version or tensor-parallel size, and a pool that is given as a flag."""
    boot = started(1.0)
    assert fit(llama(), gpu, engine_args, release, (boot,)) == fit(llama(), gpu, engine_args, release)


def test_builds_of_one_release_are_one_key() -> None:
    """0.32.0+cu130 learns from 0.32.0."""
    result = fit(llama(), ADA, PLAN, release_of("0.32.0+cu130"), (started(1.0),))
    assert result.provenance["activations"] == "calibration"


@pytest.mark.parametrize(
    "engine_args",
    [
        replace(PLAN, kv_cache_memory_bytes=GIB),
        replace(PLAN, layout=ParallelConfig(1, 2)),
        replace(PLAN, quantization="nfx"),
    ],
)
def test_what_teaches_nothing_is_not_recorded(engine_args: EngineArgs) -> None:
    """A pool from a flag, pipeline ranks, a prediction that was not made."""
    model = (
        llama()
        if engine_args.quantization is None
        else llama(not_understood="the quantization 'nfx' is not known")
    )
    assert (
        boot_of(model, replace(ADA, count=2), engine_args, RELEASE, pool_bytes=GIB, on="2026-11-22") is None
    )
