"""Batch sizes of CUDA graphs that contradict their maximum."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start


def graph_sizes_fault(start: Start) -> Refusal | None:
    """`_set_cudagraph_sizes` of vllm/config/vllm.py, 0.17.0 to 0.33.0: with both flags given, the largest size of at
    most --max-num-batched-tokens must be the maximum."""
    asked = start.engine_args
    sizes, stated = asked.cudagraph_capture_sizes, asked.max_cudagraph_capture_size
    if not sizes or stated is None or asked.enforce_eager or asked.cudagraph_mode == "NONE":
        return None
    batched = start.engine.max_num_batched_tokens
    largest = max((size for size in sizes if size <= batched), default=0)
    if largest == stated:
        return None
    return Refusal(
        "cuda_graphs",
        f"--max-cudagraph-capture-size {stated} is not the largest of --cudagraph-capture-sizes up to "
        f"--max-num-batched-tokens {batched}, which is {largest}",
        ({"max_cudagraph_capture_size": largest},) if largest else (),
    )
