"""vLLM's estimate of CUDA-graph memory, against what servers logged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange
from vllm_costmeter.core.memory.cuda_graphs import cuda_graphs, graph_count
from vllm_costmeter.core.release import release_of

AMD = GpuGroup("MI300X", 192 * GIB)


def estimated(version: str = "0.20.0", gpu: GpuGroup = ADA, **flags: Any) -> ByteRange:
    """The estimate for an 8B Llama."""
    engine_args = EngineArgs(**flags)
    engine = resolve_engine(llama(), gpu, engine_args, release_of(version))
    return cuda_graphs(llama(), engine, engine_args, gpu)


def counted(version: str = "0.24.0", **flags: Any) -> int:
    """Graphs of an 8B Llama."""
    engine_args = EngineArgs(**flags)
    return graph_count(llama(), resolve_engine(llama(), ADA, engine_args, release_of(version)), engine_args)


@pytest.mark.parametrize(
    ("flags", "graphs"),
    [
        ({"max_num_seqs": 1024, "max_num_batched_tokens": 8192}, 51 + 51),
        ({"max_num_seqs": 256}, 51 + 35),
        ({"max_num_seqs": 1}, 2 + 1),
        ({"max_num_seqs": 256, "cudagraph_mode": "PIECEWISE"}, 51),
        ({"max_num_seqs": 256, "cudagraph_mode": "FULL_DECODE_ONLY"}, 35),
        ({"max_num_seqs": 256, "cudagraph_mode": "NONE"}, 0),
        ({"max_num_seqs": 256, "cudagraph_mode": "FULL"}, 51),
        ({"cudagraph_capture_sizes": (1, 2, 4, 8, 16)}, 10),
        ({"cudagraph_capture_sizes": (4, 1, 2, 2)}, 6),
        ({"cudagraph_capture_sizes": (1, 2, 100_000)}, 4),
        ({"max_num_seqs": 256, "enforce_eager": True}, 0),
        ({"max_num_seqs": 256, "max_cudagraph_capture_size": 1}, 1 + 1),
        ({"max_num_seqs": 2}, 3 + 2),
        ({"max_num_seqs": 4}, 4 + 3),
        ({"max_num_seqs": 1, "speculative_config": {"method": "ngram"}}, 2 + 1),
        ({"max_num_seqs": 1, "speculative_config": {"num_speculative_tokens": 3}}, 4 + 3),
        ({"max_num_seqs": 8, "max_cudagraph_capture_size": 100}, 15 + 4),
        ({"max_num_seqs": 8, "max_cudagraph_capture_size": 255}, 34 + 4),
        ({"max_num_seqs": 8, "max_cudagraph_capture_size": 287}, 36 + 4),
        ({"max_num_seqs": 8, "max_cudagraph_capture_size": 1024}, 83 + 4),
    ],
)
def test_graphs_are_counted_as_vllm_logs_them(flags: dict[str, Any], graphs: int) -> None:
    """ "PIECEWISE=51, FULL=35" at 256 sequences, 51 and 51 at 1024 (logs of 0.19 to 0.27): sizes 1, 2, 4, from 8 in
    steps of 8, from 256 in steps of 16; whole up to the largest batch of decode steps, with their drafts."""
    assert counted(**flags) == graphs


@pytest.mark.parametrize(
    ("version", "flags", "sizes"),
    [
        ("0.20.0", {"max_num_seqs": 64, "max_num_batched_tokens": 100}, 15),
        ("0.21.0", {"max_num_seqs": 64, "max_num_batched_tokens": 100}, 16),
        ("0.24.0", {"max_num_seqs": 256, "performance_mode": "interactivity"}, 51 + 32 - 7),
        ("0.28.0", {"max_num_seqs": 256, "speculative_config": {"num_speculative_tokens": 2}}, 51),
        ("0.29.0", {"max_num_seqs": 256, "speculative_config": {"num_speculative_tokens": 2}}, 51 + 3 + 6),
        ("0.30.0", {"max_num_seqs": 100}, 28),
        ("0.31.0", {"max_num_seqs": 100}, 29),
        ("0.31.0", {"max_num_seqs": 100, "max_cudagraph_capture_size": 200}, 28),
    ],
)
def test_sizes_beside_the_usual_are_those_of_the_release(
    version: str, flags: dict[str, Any], sizes: int
) -> None:
    """A whole batch that is small; each small batch; decode steps with two drafts each: 3, 6, 12, and every multiple of
    24 that is none of 16 above 256; the widest decode step."""
    assert counted(version, **flags, cudagraph_mode="PIECEWISE") == sizes


def test_adapters_double_the_graphs() -> None:
    """Each with adapters and without (`cudagraph_specialize_lora`)."""
    assert counted(max_num_seqs=256, enable_lora=True) == 2 * (51 + 35)


@pytest.mark.parametrize("mode", [None, "FULL", "FULL_AND_PIECEWISE"])
def test_an_encoder_decoder_captures_decode_steps_alone(mode: str | None) -> None:
    """vLLM overrides the mode."""
    model, args = replace(llama(), is_encoder_decoder=True), EngineArgs(max_num_seqs=256, cudagraph_mode=mode)
    assert graph_count(model, resolve_engine(model, ADA, args, release_of("0.24.0")), args) == 35


def test_a_pooling_model_captures_no_decode_steps() -> None:
    """It has none."""
    model, args = llama(is_pooling=True), EngineArgs(max_num_seqs=256)
    assert graph_count(model, resolve_engine(model, ADA, args, release_of("0.24.0")), args) == 51


@pytest.mark.parametrize(
    ("version", "gpu", "first_gib", "each_mib"),
    [
        ("0.20.0", ADA, (0.03, 0.2, 0.5), (1, 4, 15)),
        ("0.29.0", ADA, (0.03, 0.15, 0.5), (1, 4, 8)),
        ("0.29.0", AMD, (0.1, 3.0, 4.5), (1, 4, 8)),
    ],
)
def test_the_first_capture_and_every_further_graph_are_estimated(
    version: str, gpu: GpuGroup, first_gib: tuple[float, ...], each_mib: tuple[float, ...]
) -> None:
    """86 graphs: least, usual and most of one mebibyte and more for each, and gigabytes first on ROCm."""
    found = estimated(version, gpu, max_num_seqs=256)
    expected = [first + each * 86 / 1024 for first, each in zip(first_gib, each_mib, strict=True)]
    assert [found.low_bytes, found.bytes, found.high_bytes] == [round(each * GIB) for each in expected]


@pytest.mark.parametrize(
    ("version", "asked", "is_subtracted"),
    [
        ("0.19.1", None, False),
        ("0.19.1", True, True),
        ("0.20.0", None, True),
        ("0.20.0", True, True),
        ("0.20.0", False, False),
        ("0.25.1", True, False),
        ("0.14.1", True, False),
    ],
)
def test_the_servers_environment_decides_what_is_subtracted(
    version: str, asked: bool | None, is_subtracted: bool
) -> None:
    """VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS, where the release's runner estimates at all."""
    found = estimated(version, cuda_graphs_in_budget=asked)
    assert (found.high_bytes > 0) == is_subtracted
    assert found.rule.startswith("VLLM_MEMORY_PROFILER") == (asked is False)


@pytest.mark.parametrize(
    ("flags", "logged_gib"),
    [
        ({"max_num_seqs": 256}, 0.14),
        ({"max_num_seqs": 256}, 0.78),
        ({"max_num_seqs": 256}, 1.62),
        ({"max_num_seqs": 1024, "max_num_batched_tokens": 8192}, 0.33),
        ({"cudagraph_capture_sizes": (1, 2, 4, 8), "cudagraph_mode": "PIECEWISE"}, 0.08),
        ({"max_num_seqs": 1}, 0.36),
        ({"max_num_seqs": 1}, 0.47),
    ],
)
def test_logged_estimates_lie_in_the_range(flags: dict[str, Any], logged_gib: float) -> None:
    """Estimates of 0.19 to 0.26, by number of graphs."""
    found = estimated(**flags)
    assert found.low_bytes < logged_gib * GIB < found.high_bytes


def test_few_graphs_have_a_narrow_range() -> None:
    """The noise is one segment of the allocator, times the graphs."""
    few, many = estimated(max_num_seqs=1), estimated(max_num_seqs=256)
    assert few.high_bytes - few.low_bytes < 0.6 * GIB < many.high_bytes - many.low_bytes


@pytest.mark.parametrize(
    ("version", "gpu", "is_estimated"),
    [
        ("0.19.1", ADA, False),
        ("0.20.0", ADA, True),
        ("0.25.1", ADA, False),
        ("0.29.0", ADA, True),
        ("0.24.0", AMD, False),
        ("0.29.0", AMD, True),
    ],
)
def test_not_every_release_subtracts_an_estimate(version: str, gpu: GpuGroup, is_estimated: bool) -> None:
    """From 0.20, not with the second runner before 0.29, on ROCm from 0.26."""
    assert (estimated(version, gpu).high_bytes > 0) == is_estimated


def test_a_single_graph_is_estimated_too() -> None:
    """Of one sequence, piecewise."""
    found = estimated(max_cudagraph_capture_size=1, cudagraph_mode="PIECEWISE")
    assert found.bytes == round((0.2 + 4 / 1024) * GIB)


def test_eager_mode_has_no_graphs() -> None:
    """Nothing is captured, so nothing is subtracted."""
    assert estimated(enforce_eager=True).high_bytes == 0


def test_an_mi300x_estimates_gigabytes() -> None:
    """5.59 GiB of peak activations logged by 0.29.1 include an estimate of about 4."""
    found = estimated("0.29.0", AMD)
    assert found.bytes > 3 * GIB
    assert found.high_bytes > 4 * GIB
