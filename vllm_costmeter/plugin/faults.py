"""Internal errors in this process: counted for `costmeter_errors_total`, never raised into vLLM."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts

FAULTS = ErrorCounts(("hook", "sampler", "engine", "scrape", "start", "endpoint"))
"""One per process, because vLLM creates the hook, the flags and the endpoint independently. This file must not import
prometheus_client: it is imported before vLLM has decided whether several processes share the metrics."""
