"""SGLang 0.4.6 to 0.5.23 with --enable-metrics.

Source: python/sglang/srt/metrics and observability of 23 releases (read 2026-11-28); tests/data/engines has
recordings of 0.5.12, 0.5.17 and 0.5.21. Tokens are counted when a request ends; `realtime_tokens_total` is live,
but counts the work done, retracted requests twice and the first token of each request not at all, so no bill is
made of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.engines.engine import Engine, Samples

CAPACITY = "sglang:max_total_num_tokens"


def _capacity(samples: Samples, of: Mapping[str, str]) -> float | None:
    """Of each data-parallel rank; every tensor-parallel rank may report the same."""
    return samples.total(CAPACITY, tp_rank="0", pp_rank="0")


SGLANG = Engine(
    key="sglang",
    title="SGLang",
    prefix="sglang:",
    prompt="sglang:prompt_tokens_total",
    cached="sglang:cached_tokens_total",
    generated="sglang:generation_tokens_total",
    running="sglang:num_running_reqs",
    waiting="sglang:num_queue_reqs",
    kv_usage="sglang:token_usage",
    counts_when="request end",
    model_label="model_name",
    outcomes={"aborted": ("sglang:num_aborted_requests_total", None, ())},
    kv_capacity_tokens=_capacity,
    also_read=(CAPACITY,),
    rank_labels=("tp_rank", "pp_rank", "moe_ep_rank", "dp_rank"),
    without_tokens="its counters appear with the first request that ends",
)
