"""A server's reading from its /metrics page: the meter's metrics, or as much as vLLM's own say without it."""

from __future__ import annotations

import math

from vllm_costmeter.core.economics.bench_run import Per
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fleet.reading import ServerReading, usd_per_million
from vllm_costmeter.sources.files.fetch import fetch_text
from vllm_costmeter.sources.servers.metrics_text import WHERE, Page, parse_page
from vllm_costmeter.sources.servers.served import GAUGE, KINDS, MOST_PAGE_BYTES, served_tokens

READ = (
    "costmeter_cost_usd_total",
    "costmeter_energy_joules_total",
    "costmeter_kv_cache_usage_ratio",
    "costmeter_price_usd_per_hour",
    "costmeter_tokens_per_second",
    "costmeter_tokens_total",
    "costmeter_usd_per_million_tokens",
    "vllm:engine_sleep_state",
    "vllm:generation_tokens_total",
    "vllm:kv_cache_usage_perc",
    "vllm:num_requests_running",
    "vllm:prompt_tokens_cached_total",
    "vllm:prompt_tokens_total",
)
"""A page has some 60 kB, of which these are 3: parsing the rest of 200 pages would take seconds of every round."""

PER_SERVER = ("costmeter_cost_usd_total", "costmeter_tokens_total", "costmeter_price_usd_per_hour")
"""What any server of an exporter may have."""


def read_server(address: str, per: Per, window: str, within_seconds: float) -> ServerReading:
    """The page at that address. Raises BadInputError if there is none, or no vLLM server's."""
    text = fetch_text(address, "text/plain", most_bytes=MOST_PAGE_BYTES, within_seconds=within_seconds)
    kept = [line for line in text.split("\n") if line.startswith(READ)]
    if not kept:
        raise BadInputError(f"{address} has no metrics of a vLLM server; {WHERE}")
    return reading_of(parse_page("\n".join(kept), address), per, window)


def reading_of(page: Page, per: Per, window: str) -> ServerReading:
    """`per` is what counts as tokens: generated ones, or all. An exporter's page has several servers: sums, then
    ratios, and the mean of their KV caches."""
    running = page.by_label("vllm:num_requests_running", "engine")
    awake = page.by_label("vllm:engine_sleep_state", "engine", sleep_state="awake")
    served = served_tokens(page)
    kinds = KINDS if per == "all" else ("generated",)
    rates = [page.total(GAUGE, kind=kind, window=window) for kind in kinds]
    known = [rate for rate in rates if rate is not None]
    names = page.label_values("costmeter_tokens_total", "model_name")
    names = names or page.label_values("vllm:generation_tokens_total", "model_name")
    usages = [each.value for each in page.samples("costmeter_kv_cache_usage_ratio")]
    usages = usages or list(page.by_label("vllm:kv_cache_usage_perc", "engine").values())
    total = page.total("costmeter_cost_usd_total")
    price, priced_rate = page.total("costmeter_usd_per_million_tokens", per=per, window=window), None
    if len({name for each in PER_SERVER for name in page.label_values(each, "instance")}) > 1:
        price, priced_rate = _of_priced(page, kinds, window)
    return ServerReading(
        model_names=tuple(names),
        engines=len(running) or None,
        active_engines=sum(count > 0 for count in running.values()) if running else None,
        asleep=bool(awake) and not any(awake.values()),
        tokens_since_start=None if served is None else served.total if per == "all" else served.generated,
        tokens_per_second=math.fsum(known) if known else None,
        priced_tokens_per_second=priced_rate,
        usd_per_hour=page.total("costmeter_price_usd_per_hour"),
        usd_per_million=price,
        kv_cache_usage_ratio=math.fsum(usages) / len(usages) if usages else None,
        total_usd=total,
        idle_usd=None if total is None else page.total("costmeter_cost_usd_total", state="idle") or 0.0,
        joules=page.total("costmeter_energy_joules_total"),
    )


def _of_priced(page: Page, kinds: tuple[str, ...], window: str) -> tuple[float | None, float | None]:
    """($/M, tokens a second) of those servers of an exporter that have a price; one that had no tokens costs all the
    same."""
    hourly = page.by_label("costmeter_price_usd_per_hour", "instance")
    rates = [page.by_label(GAUGE, "instance", kind=kind, window=window) for kind in kinds]
    known = [each[server] for server in hourly for each in rates if server in each]
    if not known:
        return None, None
    return usd_per_million(math.fsum(hourly.values()), math.fsum(known)), math.fsum(known)
