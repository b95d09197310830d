"""The work of a request that ended, from what vLLM keeps of it."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.core.meter.shares.request_work import RequestWork

FINISHED, ABORTED, FAILED = range(3)  # positions in core's OUTCOMES
OUTCOME_OF_REASON = {2: ABORTED, 3: FAILED}
"""By `FinishReason` (`v1/engine/__init__.py`, vLLM 0.17 to 0.33: STOP 0, LENGTH 1, ABORT 2, ERROR 3, REPETITION 4)."""
MARK = "costmeter_mark"
"""The attribute that the plugin gives to a RequestState and a FinishedRequestStats: (tenant's number, ticket's)."""
NOBODY = (0, 0)


def finished_work(request: Any) -> RequestWork:
    """Of a FinishedRequestStats (`v1/metrics/stats.py`)."""
    cached = max(request.num_cached_tokens, 0)
    outcome = OUTCOME_OF_REASON.get(request.finish_reason, FINISHED)
    computed = request.num_prompt_tokens - cached
    return RequestWork(
        computed, cached, request.num_generation_tokens, outcome, *getattr(request, MARK, NOBODY)
    )


def aborted_work(state: Any) -> RequestWork:
    """Of a RequestState (`v1/engine/output_processor.py`) whose request its client, or a shutdown, ended: vLLM leaves
    such requests out of `finished_requests`."""
    mark = getattr(state, MARK, NOBODY)
    if state.is_prefilling:  # vLLM counts a prompt with its first token
        return RequestWork(0, 0, 0, ABORTED, *mark)
    cached = max(state.num_cached_tokens, 0)
    return RequestWork(state.prompt_len - cached, cached, state.stats.num_generation_tokens, ABORTED, *mark)
