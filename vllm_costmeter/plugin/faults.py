"""Our own faults in this process: counted for `costmeter_errors_total`, never shown to vLLM."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts

FAULTS = ErrorCounts()
"""One per process, because vLLM builds the hook, the flags and the endpoint apart from each other. This file must
not lead to prometheus_client: it is imported before vLLM has decided whether several processes share the metrics."""
