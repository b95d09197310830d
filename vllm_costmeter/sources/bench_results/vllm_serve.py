"""Results of `vllm bench serve --save-result`, also appended to one file, and of `vllm bench sweep serve`.

Fields as `vllm/benchmarks/serve.py` of vLLM 0.17 to 0.33 writes them, the same in each. Rates count the requests
that were answered, over the time from the first request to the last answer. A pooling model has no
`output_throughput`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.sources.bench_results.fields import Fields

TOOL = "vllm bench serve"
_LOAD = (
    ("num_prompts", "{} prompts"),
    ("max_concurrency", "max concurrency {}"),
    ("request_rate", "request rate {}"),
    ("ramp_up_strategy", "{} ramp-up"),
    ("ramp_up_start_rps", "from {}/s"),
    ("ramp_up_end_rps", "to {}/s"),
)


def is_result(values: Any) -> bool:
    """Whether this is one run of that tool."""
    return isinstance(values, Mapping) and "total_token_throughput" in values and "duration" in values


def run(values: Mapping[str, Any], place: str) -> BenchRun:
    """The run. BadInputError if it generated no tokens."""
    fields = Fields(values, place)
    completed = fields.count("completed")
    asked = fields.count("num_prompts")
    prompt_tokens, output_tokens = fields.number("total_input_tokens"), fields.number("total_output_tokens")
    seconds = fields.rate("duration")
    return BenchRun(
        place,
        TOOL,
        _load(fields),
        total_tokens_per_second=fields.rate("total_token_throughput"),
        generated_tokens_per_second=fields.rate("output_throughput")
        if "output_throughput" in values
        else None,
        requests_per_second=fields.number("request_throughput") or completed / seconds,
        seconds=seconds,
        completed=completed,
        failed=fields.count("failed") if "failed" in values else max(asked - completed, 0) if asked else 0,
        offered_requests_per_second=fields.number("request_rate"),
        model=fields.text("model_id"),
        prompt_tokens_per_request=_each(prompt_tokens, completed),
        output_tokens_per_request=_each(output_tokens, completed),
        concurrency=fields.number("max_concurrency"),
    )


def _load(fields: Fields) -> str:
    said = [(form, fields.find(key)) for key, form in _LOAD]
    return (
        ", ".join(form.format(value) for form, value in said if value not in (None, "inf"))
        or "as fast as possible"
    )


def _each(tokens: float | None, requests: int) -> float | None:
    return tokens / requests if tokens and requests else None
