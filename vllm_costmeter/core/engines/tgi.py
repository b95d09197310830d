"""Hugging Face's Text Generation Inference, 1.4.5 to 3.3.7.

Source: router/src and backends/v3 of tag v3.3.7, 2025-12-18 (read 2026-11-28, not run). It has no token counters: the
sums of two histograms count prompt tokens when a request is validated, and generated tokens when it succeeds. Since
3.0 it caches prefixes and does not tell how much, so prompt tokens are not divided. The page names no model.
"""

from __future__ import annotations

from vllm_costmeter.core.engines.engine import Engine

TGI = Engine(
    key="tgi",
    title="TGI",
    prefix="tgi_",
    prompt="tgi_request_input_length_sum",
    generated="tgi_request_generated_tokens_sum",
    running="tgi_batch_current_size",
    waiting="tgi_queue_size",
    absent_cached_is_none=False,
    counts_when="request end",
    model_at="/info",
    outcomes={
        "finished": ("tgi_request_success", None, ()),
        "failed": ("tgi_request_failure", None, ()),
    },
    without_tokens="its sums appear with the first request",
)
