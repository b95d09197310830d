"""Flags after vLLM's defaults are filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import EngineConfig, resolve_engine
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST, release_of

H100 = GpuGroup("H100 SXM", round(79.19 * GIB), compute_capability=(9, 0))


def resolved(gpu: GpuGroup = ADA, version: str = "0.32.0", **flags: object) -> EngineConfig:
    """Resolve a plan for an 8B Llama."""
    return resolve_engine(llama(), gpu, EngineArgs(**flags), release_of(version))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "gib", "version", "expected"),
    [
        ("RTX 4090", 23.6, "0.32.0", (256, 2048)),
        ("H100 SXM", 79.2, "0.32.0", (1024, 8192)),
        ("NVIDIA A100-SXM4-80GB", 79.3, "0.32.0", (256, 2048)),
        ("GB10", 121.6, "0.33.0", (256, 2048)),
        ("Jetson Thor", 122.55, "0.32.0", (256, 2048)),
        ("Jetson Thor", 122.55, "0.33.0", (1024, 8192)),
        ("Jetson AGX Orin 64GB", 61.37, "0.33.0", (256, 2048)),
        ("Strix Halo", 96.0, "0.33.0", (1024, 8192)),
        ("Strix Halo", 127.0, "0.33.0", (256, 2048)),
        ("Strix Halo", 127.0, "0.23.0", (1024, 8192)),
        ("B200 SXM", 178.3, "0.27.0", (1024, 8192)),
        ("B200 SXM", 178.3, "0.28.0", (1024, 16384)),
    ],
)
def test_batch_defaults_follow_the_gpu(
    name: str, gib: float, version: str, expected: tuple[int, int]
) -> None:
    """Memory and name decide, as in EngineArgs.get_batch_defaults of that version."""
    engine = resolved(GpuGroup(name, round(gib * GIB)), version)
    assert (engine.max_num_seqs, engine.max_num_batched_tokens) == expected


def test_given_flags_are_kept() -> None:
    """Defaults never replace what was asked for."""
    engine = resolved(
        max_num_seqs=7, max_num_batched_tokens=333, gpu_memory_utilization=0.5, max_model_len=99
    )
    assert (engine.max_num_seqs, engine.max_num_batched_tokens) == (7, 333)
    assert (engine.gpu_memory_utilization, engine.max_model_len) == (0.5, 99)


def test_throughput_doubles_the_defaults_and_nothing_that_was_given() -> None:
    """--performance-mode, before the context limits them (`_set_default_max_num_seqs_and_batched_tokens_args`)."""
    assert _batch_of(performance_mode="throughput") == (2048, 16384)
    assert _batch_of(performance_mode="interactivity") == (1024, 8192)
    assert _batch_of(performance_mode="throughput", max_num_seqs=64) == (64, 16384)
    assert _batch_of(performance_mode="throughput", max_num_batched_tokens=4096) == (2048, 4096)


def _batch_of(**flags: Any) -> tuple[int, int]:
    engine = resolved(H100, "0.32.0", **flags)
    return engine.max_num_seqs, engine.max_num_batched_tokens


def test_a_short_context_limits_the_default_batch() -> None:
    """vLLM lowers its default to max_num_seqs x max_model_len, and max_num_seqs to the batch."""
    assert resolved(max_num_seqs=4, max_model_len=100).max_num_batched_tokens == 400
    assert resolved(max_num_batched_tokens=64).max_num_seqs == 64


@pytest.mark.parametrize(
    ("flags", "size"),
    [
        ({}, 512),
        ({"max_num_seqs": 16}, 32),
        ({"enforce_eager": True}, 0),
        ({"cudagraph_capture_sizes": (1, 8, 4)}, 8),
        ({"cudagraph_capture_sizes": (1, 2, 100_000)}, 2),
        ({"cudagraph_capture_sizes": (100_000,)}, 0),
        ({"max_cudagraph_capture_size": 64}, 64),
    ],
)
def test_graphs_are_captured_up_to_twice_the_sequences(flags: dict[str, object], size: int) -> None:
    """512 at most, none in eager mode, and as told where sizes are given, but none above a batch."""
    assert resolved(**flags).max_cudagraph_capture_size == size


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"gpu_memory_utilization": 1.5}, "--gpu-memory-utilization must be above 0 and at most 1"),
        ({"gpu_memory_utilization": 0.0}, "--gpu-memory-utilization"),
        ({"max_num_seqs": 0}, "--max-num-seqs must be at least 1"),
        ({"max_num_batched_tokens": 0}, "--max-num-batched-tokens must be at least 1"),
        ({"max_num_seqs": 512, "max_num_batched_tokens": 128}, "must not be below --max-num-seqs"),
        ({"max_model_len": 0}, "--max-model-len must be at least 1"),
        ({"max_model_len": -7}, "--max-model-len must be at least 1"),
        ({"layout": ParallelConfig(tensor_parallel_size=0)}, "--tensor-parallel-size must be at least 1"),
        (
            {"layout": ParallelConfig(tensor_parallel_size=4, decode_context_parallel_size=3)},
            "--decode-context-parallel-size 3 must divide --tensor-parallel-size 4",
        ),
        ({"max_lora_rank": 7}, "--max-lora-rank must be one of 1, 8, 16, .*, got 7"),
    ],
)
def test_values_that_vllm_rejects_are_bad_input(flags: dict[str, object], says: str) -> None:
    """One line that names the flag and what it may be."""
    with pytest.raises(BadInputError, match=says):
        resolved(**flags)


def test_world_size_is_the_product_of_the_layout() -> None:
    """Tensor x pipeline x data parallel; experts share those GPUs."""
    assert resolved(layout=ParallelConfig(2, 3, 4, enable_expert_parallel=True)).world_size == 24


def test_dtype_and_quantization_come_from_the_model_unless_given() -> None:
    """`auto` is the checkpoint's own."""
    assert resolved().dtype == "bfloat16"
    assert resolved(dtype="float16").dtype == "float16"
    quantized = replace(llama(), quantization="awq")
    assert resolve_engine(quantized, ADA, EngineArgs(), NEWEST).quantization == "awq"


@pytest.mark.parametrize(
    ("capability", "version", "drafted", "size"),
    [
        ((9, 0), "0.33.0", 0, 512),
        ((10, 0), "0.27.1", 0, 512),
        ((10, 0), "0.28.0", 0, 1024),
        ((12, 0), "0.33.0", 3, 512),
    ],
)
def test_datacenter_blackwell_captures_larger_batches_since_0_28(
    capability: tuple[int, int], version: str, drafted: int, size: int
) -> None:
    """The default ceiling of 512 became 1024 there."""
    gpu = replace(H100, compute_capability=capability)
    speculative = {"method": "mtp", "num_speculative_tokens": drafted} if drafted else None
    engine_args = EngineArgs(max_num_seqs=1024, speculative_config=speculative)
    found = resolve_engine(llama(), gpu, engine_args, release_of(version))
    assert found.max_cudagraph_capture_size == size


def test_draft_tokens_widen_the_captured_batches() -> None:
    """ "PIECEWISE=4 (largest=8)" at one sequence with three draft tokens (0.24.0)."""
    engine_args = EngineArgs(
        max_num_seqs=1, speculative_config={"method": "mtp", "num_speculative_tokens": 3}
    )
    assert resolve_engine(llama(), H100, engine_args, release_of("0.24.0")).max_cudagraph_capture_size == 8


@pytest.mark.parametrize("backend", ["deepep_low_latency", "nixl_ep", "deepep_high_throughput"])
@pytest.mark.parametrize("version", ["0.19.1", "0.20.0", "0.24.0", "0.29.0", "0.33.0"])
@pytest.mark.parametrize(("replicas", "by_expert"), [(2, True), (2, False), (1, True)])
def test_experts_that_exchange_whole_batches_have_small_ones(
    backend: str, version: str, replicas: int, by_expert: bool
) -> None:
    """256 tokens, and so 256 sequences, from 0.20 with replicas that split experts; 8,192 and 1,024 else."""
    layout = ParallelConfig(data_parallel_size=replicas, enable_expert_parallel=by_expert)
    engine = resolved(replace(H100, count=2), version, layout=layout, all2all_backend=backend)
    is_small = backend != "deepep_high_throughput" and version != "0.19.1" and replicas == 2 and by_expert
    found = (engine.max_num_seqs, engine.max_num_batched_tokens)
    assert found == ((256, 256) if is_small else (1024, 8192))


def test_a_batch_that_is_given_is_not_the_small_default() -> None:
    """The backend changes the default alone."""
    layout = ParallelConfig(data_parallel_size=2, enable_expert_parallel=True)
    flags = {"layout": layout, "all2all_backend": "nixl_ep", "max_num_batched_tokens": 4096}
    engine = resolved(replace(H100, count=2), **flags)
    assert (engine.max_num_seqs, engine.max_num_batched_tokens) == (1024, 4096)
