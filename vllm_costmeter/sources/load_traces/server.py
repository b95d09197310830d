"""The load of a running server since its start, from its histograms."""

from __future__ import annotations

import time
from collections.abc import Callable

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.serving.trace import Trace
from vllm_costmeter.sources.servers.metrics_text import Page
from vllm_costmeter.sources.servers.served import read_page, served_tokens

LENGTHS = ("vllm:request_prompt_tokens", "vllm:request_generation_tokens")
STARTS = ("process_start_time_seconds", "vllm:request_prompt_tokens_created", "vllm:prompt_tokens_created")
"""The first is missing with several API servers, whose histograms are still dated."""


def trace_of_server(url: str, now: Callable[[], float] = time.time) -> Trace:
    """The mean rate and lengths of the requests that ended; the longest is the end of the highest bucket in use.

    BadInputError for a page without these histograms, without a start, or before two requests have ended.
    """
    page = read_page(url)
    counts = [page.total(f"{name}_count") for name in LENGTHS]
    sums = [page.total(f"{name}_sum") for name in LENGTHS]
    start = next((page.total(name) for name in STARTS if page.total(name)), None)
    if None in counts or None in sums or start is None:
        raise BadInputError(f"--trace {url}: the page has no lengths of vLLM's requests, or no start time")
    requests = int(counts[0] or 0)
    if requests < 2 or not sums[0] or not sums[1]:
        raise BadInputError(f"--trace {url}: {requests} requests have ended; a rate needs two or more")
    seconds = now() - _earliest(page, start)
    if seconds <= 0:
        raise BadInputError(
            f"--trace {url}: the server started in the future: its clock or this one is wrong"
        )
    tokens = served_tokens(page)
    prompts = 0 if tokens is None else tokens.prompt_computed + tokens.prompt_cached
    return Trace(
        requests=requests,
        seconds=seconds,
        mean_per_second=requests / seconds,
        busy_per_second=requests / seconds,
        prompt_tokens=sums[0] / requests,
        output_tokens=max(sums[1] / requests, 1.0),
        longest_tokens=sum(_longest(page, name) for name in LENGTHS),
        cached_share=tokens.prompt_cached / prompts if tokens is not None and prompts else None,
        source="server",
    )


def _earliest(page: Page, total: float) -> float:
    """Of several processes' start times, which `total` adds up."""
    for name in STARTS:
        values = list(page.by_label(name, "engine").values())
        if values:
            return min(values)
    return total


def _longest(page: Page, name: str) -> int:
    buckets = {float(le): count for le, count in page.by_label(f"{name}_bucket", "le").items() if le}
    most = max(buckets.values(), default=0.0)
    ends = [le for le, count in buckets.items() if count >= most and le != float("inf")]
    return int(min(ends)) if ends else int(max((le for le in buckets if le != float("inf")), default=1))
