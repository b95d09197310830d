"""Reports of GuideLLM (`benchmarks.json`): one run for each benchmark of the report.

Fields of GuideLLM 0.2.1, 0.3.1, 0.4.0, 0.5.3, 0.6.0, 0.7.0 and 0.8.1, read in its published packages (2026-11-28): the
strategy stands under `args` up to 0.3 and under `config` since, `request_totals` beside the metrics up to 0.3 and
among them since. Rates are its own "Server Throughput Statistics": the mean over the measured time, of all requests,
also those still running when the time was up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.bench_results.fields import Fields

TOOL = "GuideLLM"


def is_report(values: Any) -> bool:
    """Whether this is a report of that tool."""
    return isinstance(values, Mapping) and isinstance(values.get("benchmarks"), list)


def runs(values: Mapping[str, Any], place: str) -> tuple[BenchRun, ...]:
    """The benchmarks of the report. BadInputError if there are none, or one generated no tokens."""
    found = values["benchmarks"]
    if not found or not all(isinstance(each, Mapping) and "metrics" in each for each in found):
        raise BadInputError(f"{place} is a GuideLLM report without a finished benchmark")
    several = len(found) > 1
    return tuple(
        _run(Fields(each, f"{place} benchmark {number}" if several else place))
        for number, each in enumerate(found, start=1)
    )


def _run(fields: Fields) -> BenchRun:
    config = fields.within("config") if "config" in fields.values else fields.within("args")
    strategy = config.within("strategy")
    totals = fields.within("metrics.request_totals")
    if not totals.values:
        totals = fields.within("request_totals")
    return BenchRun(
        fields.place,
        TOOL,
        _load(strategy),
        total_tokens_per_second=fields.rate("metrics.tokens_per_second.total.mean"),
        generated_tokens_per_second=fields.rate("metrics.output_tokens_per_second.total.mean"),
        requests_per_second=fields.number("metrics.requests_per_second.total.mean") or 0.0,
        seconds=fields.number("duration"),
        completed=totals.count("successful"),
        failed=totals.count("errored"),
        offered_requests_per_second=strategy.number("rate"),
        model=config.text("backend.model") or fields.text("worker.backend_model"),
        prompt_tokens_per_request=fields.number("metrics.prompt_token_count.successful.mean"),
        output_tokens_per_request=fields.number("metrics.output_token_count.successful.mean"),
    )


def _load(strategy: Fields) -> str:
    """ "concurrent, 8 streams", "constant, 4 requests/s"."""
    kind = strategy.text("type_") or "unknown strategy"
    streams, rate = strategy.number("streams"), strategy.number("rate")
    if streams is not None:
        return f"{kind}, {streams:g} streams"
    return kind if rate is None else f"{kind}, {rate:.4g} requests/s"
