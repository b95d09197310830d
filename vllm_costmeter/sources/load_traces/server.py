"""The load of a running server since its start, from its histograms."""

from __future__ import annotations

import time
from collections.abc import Callable

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.serving.trace import Trace
from vllm_costmeter.sources.servers.metrics_text import Page
from vllm_costmeter.sources.servers.served import read_page, served_tokens

LENGTHS = PROMPTS, OUTPUTS = "vllm:request_prompt_tokens", "vllm:request_generation_tokens"
START = "process_start_time_seconds"


def trace_of_server(url: str, now: Callable[[], float] = time.time) -> Trace:
    """The mean rate and lengths of the requests that ended; the longest is the end of the highest bucket in use.

    BadInputError for a page without these histograms, without a start, or before two requests have ended.
    """
    page = read_page(url)
    count, prompts, outputs = (
        page.total(name) for name in (f"{PROMPTS}_count", *(f"{n}_sum" for n in LENGTHS))
    )
    if count is None or prompts is None or outputs is None:
        raise BadInputError(f"--trace {url}: the page has no lengths of vLLM's requests")
    requests = int(count)
    if requests < 2 or not prompts or not outputs:
        raise BadInputError(f"--trace {url}: requests that have ended: {requests}; a rate needs two or more")
    lengths = prompts / requests, max(outputs / requests, 1.0)
    if (start := page.total(START)) is None:
        raise BadInputError(
            f"--trace {url}: the page has no {START}, as with several API servers, so that no rate is known: give "
            f"--rate, with --prompt-tokens {lengths[0]:.0f} --output-tokens {lengths[1]:.0f}"
        )
    seconds = now() - start
    if seconds <= 0:
        raise BadInputError(
            f"--trace {url}: the server started in the future: its clock or this one is wrong"
        )
    tokens = served_tokens(page)
    counted = 0 if tokens is None else tokens.prompt_computed + tokens.prompt_cached
    return Trace(
        requests=requests,
        seconds=seconds,
        mean_per_second=requests / seconds,
        busy_per_second=requests / seconds,
        prompt_tokens=lengths[0],
        output_tokens=lengths[1],
        longest_tokens=sum(_longest(page, name) for name in LENGTHS),
        cached_share=tokens.prompt_cached / counted if tokens is not None and counted else None,
        source="server",
    )


def _longest(page: Page, name: str) -> int:
    buckets = {float(le): count for le, count in page.by_label(f"{name}_bucket", "le").items() if le}
    most = max(buckets.values(), default=0.0)
    ends = [le for le, count in buckets.items() if count >= most and le != float("inf")]
    return int(min(ends)) if ends else int(max((le for le in buckets if le != float("inf")), default=1))
