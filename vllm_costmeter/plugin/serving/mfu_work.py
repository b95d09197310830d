"""vLLM's own estimate of the work per token, if `--enable-mfu-metrics` makes it publish one for each step."""

from __future__ import annotations

import logging
from typing import Any

from vllm_costmeter.core.meter import TokenWork
from vllm_costmeter.plugin.faults import FAULTS

log = logging.getLogger("vllm.costmeter")

FEW_TOKENS, MANY_TOKENS = 4_096, 8_192
"""Two prompts that differ only in tokens: every expert is read for both."""


def published_work(vllm_config: Any, api_process_count: int) -> TokenWork | None:
    """None if vLLM publishes nothing, or with several API processes: each sees only its own tokens of a step, so the
    work of the step's decode tokens is unknown."""
    if api_process_count > 1 or not vllm_config.observability_config.enable_mfu_metrics:
        return None
    try:
        return _token_work(vllm_config)
    except Exception:
        FAULTS.add("start")
        log.exception("costmeter: vLLM's work estimates (--enable-mfu-metrics) are not used")
        return None


def _token_work(vllm_config: Any) -> TokenWork | None:
    """From the same object that vLLM's scheduler uses for each step; None for a model it does not estimate."""
    from vllm.v1.metrics.perf import ExecutionContext, ModelMetrics

    metrics, one = ModelMetrics(vllm_config), ExecutionContext.from_single_request
    if not metrics.is_enabled():
        return None
    few, many = (one(tokens, 1, is_prefill=True) for tokens in (FEW_TOKENS, MANY_TOKENS))

    def moved(step: Any) -> int:
        bytes_moved: int = metrics.get_read_bytes(step) + metrics.get_write_bytes(step)
        return bytes_moved

    return TokenWork(
        decode_flops=lambda context: metrics.get_num_flops(one(1, max(1, int(context)), is_prefill=False)),
        prompt_flops=(metrics.get_num_flops(many) - metrics.get_num_flops(few)) / (MANY_TOKENS - FEW_TOKENS),
        prompt_bytes=(moved(many) - moved(few)) / (MANY_TOKENS - FEW_TOKENS),
    )
