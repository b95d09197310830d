"""A server's rates, tokens, price and bill, read from its /metrics page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.bench_run import Per
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ServedTokens
from vllm_costmeter.sources.files.fetch import fetch_text, is_url
from vllm_costmeter.sources.servers.metrics_text import Page, parse_page
from vllm_costmeter.sources.targets.target import page_address

KINDS = ("prompt_computed", "prompt_cached", "generated", "prompt")
"""Of tokens; "prompt" in place of the first two where a server does not tell which were cached."""
GAUGE = "costmeter_tokens_per_second"
FIVE_MINUTES = "5m"
MOST_PAGE_BYTES = 16 << 20  # an engine's page has 60 kB (tests/data/engines), read at some 2 MB/s


@dataclass(frozen=True, slots=True)
class ServingRate:
    """Tokens per second, and how they were determined."""

    tokens_per_second: float
    source: str
    usd_per_hour: float | None = None
    """The server's own price; None if it publishes none."""


def read_page(url: str) -> Page:
    """The page of a vLLM server, or a file with one. Raises BadInputError if it is not one."""
    address = page_address(url) if is_url(url) else url
    page = parse_page(fetch_text(address, "text/plain", most_bytes=MOST_PAGE_BYTES), url)
    if served_tokens(page) is None:
        raise BadInputError(
            f"{url} has no tokens of a vLLM server: no costmeter_tokens_total and no vllm: counters"
        )
    return page


def serving_rate(
    url: str,
    per: Per,
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> ServingRate:
    """The rate of the last five minutes if the server runs the meter, otherwise from two readings `seconds` apart.

    Raises BadInputError if the server generates no tokens: an idle server has no price per token.
    """
    page = read_page(url)
    kinds = KINDS if per == "all" else ("generated",)
    gauges = [page.total(GAUGE, kind=kind, window=FIVE_MINUTES) for kind in kinds]
    known = [rate for rate in gauges if rate is not None]
    if known:
        rate, source = sum(known), f"{url}, mean of its last five minutes"
    else:
        began, before = clock(), _count(page, per)
        sleep(seconds)
        after, ended = _count(read_page(url), per), clock()
        rate, source = (after - before) / (ended - began), f"{url}, {ended - began:.1f} s of its counters"
    if rate <= 0:
        raise BadInputError(
            f"{url}: the server generated no tokens, so there is no price per token: measure under load"
        )
    return ServingRate(rate, source, page.total("costmeter_price_usd_per_hour"))


def tokens_of(kinds: Mapping[str, float]) -> tuple[float, float, float]:
    """(computed, cached, generated) of the amounts by kind; prompt tokens that may be cached count as computed."""
    computed, cached, generated, prompt = (kinds.get(kind, 0.0) for kind in KINDS)
    return computed + prompt, cached, generated


def served_tokens(page: Page) -> ServedTokens | None:
    """Since the server's start, from the meter's counters or vLLM's own; None if the page has neither."""
    own = {kind: page.total("costmeter_tokens_total", kind=kind) for kind in KINDS}
    known = {kind: count for kind, count in own.items() if count is not None}
    if known:
        return ServedTokens(*map(int, tokens_of(known)))
    prompt, generated = page.total("vllm:prompt_tokens_total"), page.total("vllm:generation_tokens_total")
    if prompt is None or generated is None:
        return None
    cached = page.total("vllm:prompt_tokens_cached_total") or 0.0
    return ServedTokens(int(prompt - cached), int(cached), int(generated))


def bill_usd(page: Page) -> float | None:
    """What the meter has charged since the server's start; None if it has no price."""
    return page.total("costmeter_cost_usd_total")


def _count(page: Page, per: Per) -> int:
    tokens = served_tokens(page)
    assert tokens is not None
    return tokens.total if per == "all" else tokens.generated
