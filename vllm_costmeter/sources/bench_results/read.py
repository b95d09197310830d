"""The runs in a result file of `vllm bench serve`, GuideLLM or inference-perf."""

from __future__ import annotations

import json
from typing import Any

from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.bench_results import guidellm, inference_perf, vllm_serve
from vllm_costmeter.sources.files.fetch import fetch_text

HOW = (
    "give the JSON of `vllm bench serve --save-result`, of GuideLLM (benchmarks.json) or of inference-perf "
    "(stage_0_lifecycle_metrics.json)"
)


def bench_runs(place: str) -> tuple[BenchRun, ...]:
    """The runs in the file or at the URL, in their order; several if it was appended to or has several loads.

    BadInputError for a file of another tool, a truncated one, and a run that generated no token.
    """
    found = _objects(fetch_text(place), place)
    if len(found) == 1 and guidellm.is_report(found[0]):
        return guidellm.runs(found[0], place)
    if len(found) == 1 and inference_perf.is_report(found[0]):
        return (inference_perf.run(found[0], place),)
    for each in found:
        if not vllm_serve.is_result(each):
            raise BadInputError(f"{place} is not a result of a known load test{_other_tool(each)}: {HOW}")
    return tuple(
        vllm_serve.run(each, f"{place} run {number}" if len(found) > 1 else place)
        for number, each in enumerate(found, start=1)
    )


def one_run(place: str) -> BenchRun:
    """The last run in the file. BadInputError as for `bench_runs`, and for runs under several loads."""
    runs = bench_runs(place)
    loads = list(dict.fromkeys(run.load for run in runs))
    if len(loads) > 1:
        raise BadInputError(
            f"{place} holds runs under {len(loads)} loads ({'; '.join(loads)}): give a file with one"
        )
    return runs[-1]


def _objects(text: str, place: str) -> list[Any]:
    """A JSON object, a list of them, or one per line (`--append-result`)."""
    try:
        found = json.loads(text)
        return list(found) if isinstance(found, list) and found else [found]
    except (ValueError, RecursionError):
        lines = [line for line in text.splitlines() if line.strip()]
    try:
        if len(lines) > 1 and lines[0].startswith("{"):
            return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        pass
    raise BadInputError(f"{place} is truncated or not JSON: {HOW}")


def _other_tool(values: Any) -> str:
    if not isinstance(values, dict):
        return ""
    if {"elapsed_time", "tokens_per_second"} <= values.keys():
        return " but of `vllm bench throughput`, which counts prompt tokens as output"
    if "avg_latency" in values:
        return " but of `vllm bench latency`"
    return ""
