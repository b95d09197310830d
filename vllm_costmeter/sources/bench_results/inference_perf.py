"""Reports of inference-perf: `stage_N_lifecycle_metrics.json`, or `summary_lifecycle_metrics.json` of all stages.

Fields of inference-perf 0.7.0 (its `reportgen/base.py`, 2026-08-19). Rates count the requests that were answered, over
the time from the first request to the last answer. Only a stage's file names the load; neither names the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.sources.bench_results.fields import Fields

TOOL = "inference-perf"


def is_report(values: Any) -> bool:
    """Whether this is a report of that tool."""
    return isinstance(values, Mapping) and "load_summary" in values and "successes" in values


def run(values: Mapping[str, Any], place: str) -> BenchRun:
    """The stage or the whole test. BadInputError if it generated no tokens."""
    fields = Fields(values, place)
    throughput = fields.within("successes.throughput")
    requests = throughput.number("requests_per_sec") or 0.0
    prompts, outputs = throughput.number("input_tokens_per_sec"), throughput.number("output_tokens_per_sec")
    concurrency = fields.number("load_summary.concurrency")
    rate = fields.number("load_summary.requested_rate") if concurrency is None else None
    return BenchRun(
        place,
        TOOL,
        _load(concurrency, rate),
        total_tokens_per_second=fields.rate("successes.throughput.total_tokens_per_sec"),
        generated_tokens_per_second=fields.rate("successes.throughput.output_tokens_per_sec"),
        requests_per_second=requests,
        seconds=fields.number("benchmark_time_seconds"),
        completed=fields.count("successes.count"),
        failed=fields.count("failures.count"),
        offered_requests_per_second=rate,
        prompt_tokens_per_request=prompts / requests if prompts and requests else None,
        output_tokens_per_request=outputs / requests if outputs and requests else None,
        concurrency=concurrency,
    )


def _load(concurrency: float | None, rate: float | None) -> str:
    """With a concurrency the tool writes the number of requests as their rate: it is no rate then."""
    if concurrency is not None:
        return f"concurrency {concurrency:g}"
    return "all stages" if rate is None else f"{rate:.4g} requests/s"
