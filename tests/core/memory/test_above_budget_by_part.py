"""Each part of what a serving vLLM uses beyond its budget, to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.above_budget import AboveBudget, above_budget
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly
from vllm_costmeter.core.memory.ranks import Memory, RankMemory
from vllm_costmeter.core.model.attention import MlaLatent
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

H100 = GpuGroup("H100 SXM", round(79.19 * GIB), 8, compute_capability=(9, 0))
H100_PCIE = replace(H100, name="H100 PCIe")
B200 = GpuGroup("B200 SXM", round(178.3 * GIB), 8, compute_capability=(10, 0))
RTX_5090 = replace(ADA, name="RTX 5090", compute_capability=(12, 0), count=8)
BARE = GpuGroup("GPU of 80 GiB", 80 * GIB, 8)
MI300X = GpuGroup("MI300X", 192 * GIB, 8)
NOTHING = (0.0, 0.0, 0.0)
P = 14 * 1000 * 128_256
"""14 bytes for each logit of 1000 sequences."""

Ends = tuple[float, float, float]


def part(name: str, version: str, gpu: GpuGroup, model: Model | None = None, **flags: Any) -> ByteRange:
    """Of an 8B Llama at 8192 tokens; nothing if it is left out."""
    given = EngineArgs(**{"max_model_len": 8192, **flags})
    found = fit(model or llama(), gpu, given, release_of(version)).above_budget
    assert found is not None
    return found.parts.get(name, exactly(0, "left out"))


def ends_gib(found: ByteRange) -> Ends:
    """(least, usual, most)."""
    return found.low_bytes / GIB, found.bytes / GIB, found.high_bytes / GIB


def test_the_context_and_other_programs_lie_outside() -> None:
    """0.25 to 0.70 GiB of CUDA context on an idle GPU, usually 0.51, and whatever others hold."""
    assert ends_gib(part("outside", "0.31.0", H100)) == pytest.approx((0.25, 0.51, 0.70))
    busy = replace(H100, free_bytes=H100.memory_bytes - 3 * GIB)
    assert ends_gib(part("outside", "0.31.0", busy)) == pytest.approx((3.25, 3.51, 3.70))


NVLINK, PIPELINE, PCIE = (0.1, 1.0, 1.6), (0.1, 0.95, 1.0), (0.0, 0.15, 0.7)


@pytest.mark.parametrize(
    ("gpu", "layout", "expected"),
    [
        (H100, ParallelConfig(), NOTHING),
        (H100, ParallelConfig(2), NVLINK),
        (B200, ParallelConfig(2), NVLINK),
        (H100, ParallelConfig(1, 2), PIPELINE),
        (H100, ParallelConfig(2, 2), NVLINK),
        (H100, ParallelConfig(1, 1, 2), NVLINK),
        (H100_PCIE, ParallelConfig(2), PCIE),
        (H100_PCIE, ParallelConfig(1, 2), PCIE),
        (RTX_5090, ParallelConfig(2), PCIE),
        (replace(ADA, count=8), ParallelConfig(2), PCIE),
        (BARE, ParallelConfig(2), PCIE),
    ],
)
def test_nccl_starts_before_the_first_snapshot(gpu: GpuGroup, layout: ParallelConfig, expected: Ends) -> None:
    """By NVLink, which only Hopper and the Blackwell of data centres are sure to have, or PCIe; less in a pipeline."""
    assert ends_gib(part("communication", "0.31.0", gpu, layout=layout)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("version", "gpu", "flags", "expected"),
    [
        ("0.19.0", H100, {"max_num_seqs": 256}, (0.3, 0.65, 1.85)),
        ("0.19.0", H100, {"max_num_seqs": 128}, (0.3 * 0.625, 0.65 * 0.625, 1.85 * 0.625)),
        ("0.19.0", H100, {"max_num_seqs": 8}, (0.3 * 0.2734375, 0.65 * 0.2734375, 1.85 * 0.2734375)),
        ("0.19.0", H100, {"max_cudagraph_capture_size": 1}, (0.07543945, 0.16345215, 0.46520996)),
        ("0.19.0", H100, {"layout": ParallelConfig(2)}, (0.3, 0.65, 4.1)),
        ("0.19.0", H100, {"enforce_eager": True}, NOTHING),
        ("0.20.0", H100, {}, (0.0, 0.05, 0.7)),
        ("0.31.0", H100, {"max_num_seqs": 128}, (0.0, 0.05 * 0.625, 0.7 * 0.625)),
        ("0.31.0", B200, {}, (0.0, 0.05, 0.7)),
        ("0.25.0", H100, {}, (0.1, 0.35, 0.95)),
        ("0.28.0", H100, {"layout": ParallelConfig(2)}, (0.1, 0.35, 4.1)),
        ("0.22.0", MI300X, {}, (0.3, 3.8, 4.1)),
        ("0.22.0", BARE, {}, (0.0, 0.05, 0.7)),
        ("0.22.0", replace(MI300X, name="Radeon AI PRO R9700"), {}, (0.3, 0.65, 1.85)),
    ],
)
def test_graphs_count_by_the_runner_and_the_largest_size(
    version: str, gpu: GpuGroup, flags: dict[str, Any], expected: Ends
) -> None:
    """Whole where the release estimates none, up to 4.1 GiB on several GPUs and from 3.8 on MI300X; what exceeds the
    estimate elsewhere. A quarter is there at every size, the rest up to size 512."""
    assert ends_gib(part("cuda_graphs", version, gpu, **flags)) == pytest.approx(expected)


def latent(*ranks: int) -> Model:
    """A model whose layers cache latents of these ranks, and 64 rotary values each."""
    model = llama()
    layers = tuple((MlaLatent(kv_lora_rank=each, qk_rope_head_dim=64),) for each in ranks)
    return replace(model, attention=replace(model.attention, layers=layers))  # type: ignore[type-var]


MIB_394 = 394 / 1024
FULL_CONTEXT = 65_536 * 576 * 2 / GIB
NAMED = "FlashInfer's workspace of 394 MiB"


@pytest.mark.parametrize(
    ("version", "gpu", "served", "expected", "rule"),
    [
        ("0.27.0", B200, (None, {}), (0.0, MIB_394, MIB_394), NAMED),
        ("0.31.0", B200, (None, {}), (0.0, 0.0, MIB_394), f"{NAMED}, partly in the estimate"),
        ("0.27.0", RTX_5090, (None, {"kv_cache_dtype": "fp8_e4m3"}), (0.0, MIB_394, MIB_394), NAMED),
        ("0.27.0", RTX_5090, (None, {}), NOTHING, "left out"),
        ("0.27.0", H100, (None, {"kv_cache_dtype": "fp8"}), NOTHING, "left out"),
        ("0.27.0", BARE, (None, {"kv_cache_dtype": "fp8"}), NOTHING, "left out"),
        (
            "0.27.0",
            H100,
            (latent(512, 512), {"max_model_len": 1024}),
            (0.0, FULL_CONTEXT / 8, FULL_CONTEXT / 8),
            "MLA's context buffer of 8,192 tokens",
        ),
        (
            "0.27.0",
            B200,
            (latent(128, 512, 256), {"max_model_len": 16_384}),
            (0.0, MIB_394 + FULL_CONTEXT, MIB_394 + FULL_CONTEXT),
            f"{NAMED}; MLA's context buffer of 65,536 tokens",
        ),
    ],
)
def test_backends_allocate_workspaces_with_the_cache(
    version: str, gpu: GpuGroup, served: tuple[Model | None, dict[str, Any]], expected: Ends, rule: str
) -> None:
    """FlashInfer's where it may be the backend, and MLA's context of eight requests: up to 65,536 of the widest
    latent."""
    model, flags = served
    found = part("workspaces", version, gpu, model, **flags)
    assert ends_gib(found) == pytest.approx(expected)
    assert found.rule == rule


@pytest.mark.parametrize(
    ("gpu", "most_gib"), [(ADA, 0.15), (BARE, 0.15), (H100, 0.65), (B200, 0.65), (RTX_5090, 0.65)]
)
def test_the_profile_runs_error_is_usually_none(gpu: GpuGroup, most_gib: float) -> None:
    """150 MiB at most, as vLLM allows, and half a GiB where FlashInfer tunes."""
    assert ends_gib(part("warm_up", "0.27.0", gpu)) == pytest.approx((0.0, 0.0, most_gib))


def above(
    activations: ByteRange, version: str = "0.27.0", model: Model | None = None, pool: int | None = None
) -> AboveBudget:
    """Of two pipeline ranks, the last with these activations, on GPUs of 100 GiB with a budget of 90."""
    model, args = model or llama(), EngineArgs(max_num_seqs=1000, max_num_batched_tokens=8192)
    nothing = exactly(0, "")
    last = RankMemory(1, 90 * GIB, nothing, activations, nothing, nothing, nothing, nothing, pool)
    ranks = (replace(last, index=0, activations=exactly(0, "")), last)
    memory = Memory(100 * GIB, 90 * GIB, exactly(99 * GIB, ""), ranks, ())
    engine = resolve_engine(model, H100, args, release_of(version))
    return above_budget(model, H100, engine, args, memory)


@pytest.mark.parametrize(
    ("activations", "expected"),
    [
        ((P - 300, P - 200, P - 100), (100, 200, 300)),
        ((P - 300, P - 200, P + 100), (0, 200, 300)),
        ((P - 300, P - 1, P), (0, 1, 300)),
        ((P - 300, P, P + 100), (0, 0, 0)),
    ],
)
def test_the_samplers_passes_may_use_the_profiled_activations(
    activations: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    """The last rank's; what exceeds them counts, and least where they are largest."""
    low, usual, high = activations
    found = above(ByteRange(usual, low, high, "")).parts.get("sampler", exactly(0, ""))
    assert (found.low_bytes, found.bytes, found.high_bytes) == expected


@pytest.mark.parametrize(
    ("version", "is_pooling", "counts"),
    [
        ("0.24.0", False, False),
        ("0.25.0", False, True),
        ("0.32.0", False, True),
        ("0.33.0", False, False),
        ("0.27.0", True, False),
    ],
)
def test_the_sampler_counts_from_0_25_to_0_32(version: str, is_pooling: bool, counts: bool) -> None:
    """For a model that samples."""
    found = above(exactly(0, ""), version, llama(is_pooling=is_pooling))
    assert ("sampler" in found.parts) == counts


def test_the_layers_of_a_model_that_is_not_understood_say_nothing() -> None:
    """vLLM may have counted it; its context buffer is not known."""
    model = latent(512)
    assert "workspaces" in above(exactly(0, ""), model=model).parts
    unknown = replace(model, not_understood="its layers")
    assert "workspaces" not in above(exactly(0, ""), model=unknown).parts


def test_what_the_plan_leaves_of_the_gpu_is_left() -> None:
    """The budget, or the last rank's parts with a reserved pool."""
    assert above(exactly(GIB, "")).left_bytes == 10 * GIB
    assert above(exactly(GIB, ""), pool=2 * GIB).left_bytes == 97 * GIB


@pytest.mark.parametrize(
    ("left", "usually", "may"),
    [(4, True, True), (5, False, True), (8, False, True), (9, False, False)],
)
def test_what_is_just_left_is_enough(left: int, usually: bool, may: bool) -> None:
    """Five bytes usually, one to nine in all."""
    found = AboveBudget({"one": ByteRange(2, 1, 4, ""), "two": ByteRange(3, 0, 5, "")}, left)
    assert (found.bytes, found.range_bytes) == (5, (1, 9))
    assert (found.usually_exceeds, found.may_exceed) == (usually, may)
