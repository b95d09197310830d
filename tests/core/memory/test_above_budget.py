"""What a serving vLLM uses beyond its budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.above_budget import AboveBudget
from vllm_costmeter.core.model.attention import MlaLatent
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

H100 = GpuGroup("H100 SXM", round(79.19 * GIB), 8, compute_capability=(9, 0))
BLACKWELL = GpuGroup("B200 SXM", round(178.3 * GIB), compute_capability=(10, 0))


def above(version: str, gpu: GpuGroup = ADA, model: Model | None = None, **flags: Any) -> AboveBudget:
    """Of an 8B Llama at 8192 tokens."""
    given = EngineArgs(**{"max_model_len": 8192, **flags})
    found = fit(model or llama(), gpu, given, release_of(version)).above_budget
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("logged_before", "logged_graphs", "gpu", "layout"),
    [
        (0.51, 0.91, H100, ParallelConfig()),
        (1.53, 0.76, H100, ParallelConfig(tensor_parallel_size=2)),
        (1.55, 0.67, H100, ParallelConfig(tensor_parallel_size=4)),
        (1.43, 0.65, H100, ParallelConfig(pipeline_parallel_size=2)),
    ],
)
def test_the_range_contains_what_0_19_logged_on_h100(
    logged_before: float, logged_graphs: float, gpu: GpuGroup, layout: ParallelConfig
) -> None:
    """Free memory at the first snapshot, and CUDA graphs that this release does not subtract."""
    found = above("0.19.0", gpu, layout=layout)
    before = [part for name, part in found.parts.items() if name in ("outside", "communication")]
    assert sum(part.low_bytes for part in before) <= logged_before * GIB
    assert sum(part.high_bytes for part in before) >= logged_before * GIB
    graphs = found.parts["cuda_graphs"]
    assert graphs.low_bytes <= logged_graphs * GIB <= graphs.high_bytes


def test_graphs_count_whole_where_vllm_subtracts_no_estimate() -> None:
    """Before 0.20, and in runner V2 up to 0.28; later only what exceeds the estimate; nothing in eager mode."""
    releases = ("0.19.0", "0.22.0", "0.27.0", "0.31.0")
    graphs = {release: above(release).parts["cuda_graphs"].bytes for release in releases}
    assert graphs["0.19.0"] > graphs["0.27.0"] > graphs["0.22.0"] == graphs["0.31.0"]
    assert "cuda_graphs" not in above("0.19.0", enforce_eager=True).parts


def test_the_sampler_counts_where_no_profile_run_made_its_passes() -> None:
    """14 bytes per logit less the profiled activations, 0.25 to 0.32; a large batch on a large vocabulary."""
    found = above("0.27.0", H100, max_num_seqs=1024)
    result = fit(llama(), H100, EngineArgs(max_model_len=8192), release_of("0.27.0"))
    assert result.per_gpu is not None
    peak = 14 * 1024 * result.model.sizes.vocab_size
    assert found.parts["sampler"].bytes == peak - result.per_gpu.activations_bytes
    for version in ("0.25.0", "0.32.0"):
        assert above(version, H100, max_num_seqs=1024).parts["sampler"].bytes > 0
    for version in ("0.24.0", "0.33.0"):
        assert "sampler" not in above(version, H100, max_num_seqs=1024).parts


@pytest.mark.parametrize(
    ("gpu", "most_gib"),
    [(replace(ADA, compute_capability=None), 0.15), (ADA, 0.15), (H100, 0.65), (BLACKWELL, 0.65)],
)
def test_flashinfer_tunes_its_kernels_from_compute_capability_9_on(gpu: GpuGroup, most_gib: float) -> None:
    """Half a GiB beside the 150 MiB that vLLM allows for the error of its profile run."""
    assert above("0.27.0", gpu).parts["warm_up"].high_bytes == round(most_gib * GIB)


def test_flashinfers_workspace_counts_where_it_is_the_backend() -> None:
    """First on compute capability 10.x; elsewhere for fp8 caches, but not on Hopper."""
    assert above("0.27.0", BLACKWELL).parts["workspaces"].bytes == 394 << 20
    assert above("0.27.0", kv_cache_dtype="fp8").parts["workspaces"].bytes == 394 << 20
    assert "workspaces" not in above("0.27.0").parts
    assert "workspaces" not in above("0.27.0", H100, kv_cache_dtype="fp8").parts


def test_mla_keeps_a_context_buffer() -> None:
    """Up to 65,536 tokens of one latent, in 16 bits."""
    model = llama()
    latent = replace(model.attention, layers=((MlaLatent(kv_lora_rank=512, qk_rope_head_dim=64),),) * 32)
    found = above("0.23.0", H100, replace(model, attention=latent))
    assert found.parts["workspaces"].bytes == 65536 * 576 * 2


def test_other_programs_count_too() -> None:
    """Memory in use at the start lies beside the budget."""
    busy = replace(ADA, free_bytes=ADA.memory_bytes - 3 * GIB)
    idle = above("0.31.0", gpu_memory_utilization=0.8)
    assert above("0.31.0", busy, gpu_memory_utilization=0.8).bytes - idle.bytes == 3 * GIB


def test_the_total_is_the_sum_of_the_parts() -> None:
    """End by end; `left` is the rest of the GPU."""
    found = above("0.27.0", kv_cache_dtype="fp8")
    assert found.bytes == sum(part.bytes for part in found.parts.values())
    low, high = found.range_bytes
    assert low <= found.bytes <= high
    assert found.left_bytes == pytest.approx(0.08 * ADA.memory_bytes, abs=1)
