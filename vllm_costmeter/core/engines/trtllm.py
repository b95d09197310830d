"""TensorRT-LLM's `trtllm-serve`, at /prometheus/metrics.

Source: tensorrt_llm/metrics/collector.py, commit 050f80d of 2026 (read 2026-11-28, not run: it needs a GPU). Token
counters came with NVIDIA/TensorRT-LLM#12545 (2026-03-25); releases before have none. Traffic on /v1/responses is
not counted (NVIDIA/TensorRT-LLM#13949, 2026-05).
"""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.engines.engine import Engine, Samples

BLOCKS, TOKENS_PER_BLOCK = "trtllm_kv_cache_max_blocks", "trtllm_kv_cache_tokens_per_block"
SUCCESS = "trtllm_request_success_total"


def _capacity(samples: Samples, of: Mapping[str, str]) -> float | None:
    blocks, size = samples.total(BLOCKS), samples.total(TOKENS_PER_BLOCK)
    return None if blocks is None or size is None else blocks * size


TRTLLM = Engine(
    key="trtllm",
    title="TensorRT-LLM (trtllm-serve)",
    prefix="trtllm_",
    prompt="trtllm_prompt_tokens_total",
    cached="trtllm_prompt_cached_tokens_total",
    generated="trtllm_generation_tokens_total",
    running="trtllm_num_requests_running",
    waiting="trtllm_num_requests_waiting",
    kv_usage="trtllm_kv_cache_utilization",
    absent_cached_is_none=False,
    counts_when="request end",
    model_label="model_name",
    outcomes={"finished": (SUCCESS, "finished_reason", ("stop", "length", "end_id", "stop_words"))},
    kv_capacity_tokens=_capacity,
    also_read=(BLOCKS, TOKENS_PER_BLOCK),
    without_tokens="it counts tokens since 1.3, at /prometheus/metrics, with return_perf_metrics and "
    "enable_iter_perf_stats set in its configuration",
)
