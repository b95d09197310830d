"""The result file of `vllm bench serve --save-result`."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.files.fetch import fetch_text

HOW = "give the JSON that `vllm bench serve --save-result` writes"


class BenchResult(NamedTuple):
    """Tokens per second."""

    generated_tokens_per_second: float
    total_tokens_per_second: float


def read_bench(place: str) -> BenchResult:
    """The measured rates; the last run of a file with several (one JSON object per line, `--append-result`).

    BadInputError for a file of another tool, a truncated one, and a run that generated no token.
    """
    text = fetch_text(place)
    values = _json(text, place)
    if not isinstance(values, dict) or "output_throughput" not in values or "duration" not in values:
        other = _other_tool(values)
        raise BadInputError(f"{place} is not a result of `vllm bench serve`{other}: {HOW}")
    generated, total = (_rate(values, key, place) for key in ("output_throughput", "total_token_throughput"))
    _rate(values, "duration", place)
    return BenchResult(generated_tokens_per_second=generated, total_tokens_per_second=total)


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        lines = [line for line in text.splitlines() if line.strip()]
    try:
        return json.loads(lines[-1]) if len(lines) > 1 and lines[-1].startswith("{") else _fail(place)
    except (ValueError, RecursionError):
        return _fail(place)


def _fail(place: str) -> Any:
    raise BadInputError(f"{place} is truncated or not JSON: {HOW}")


def _other_tool(values: Any) -> str:
    if isinstance(values, dict) and {"elapsed_time", "tokens_per_second"} <= values.keys():
        return " but of `vllm bench throughput`, which counts prompt tokens as output"
    if isinstance(values, dict) and "avg_latency" in values:
        return " but of `vllm bench latency`"
    return ""


def _rate(values: dict[str, Any], key: str, place: str) -> float:
    value = values.get(key)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise BadInputError(f"{place}: {key} must be a number above 0, got {value!r}: the run made no token")
    return float(value)
