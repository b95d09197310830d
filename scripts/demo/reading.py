"""The demo's figures from one scrape of the server's /metrics. What is absent is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.servers.scrape import Scrape

PER = ("all", "generated", "prefill", "decode")
KINDS = ("prompt_computed", "prompt_cached", "generated")
WINDOWS = ("1m", "total")


@dataclass(frozen=True)
class Reading:
    """One row of facts for the table."""

    tokens_per_second: dict[str, float | None]
    """By kind, over the last minute."""
    usd_per_million: dict[tuple[str, str], float | None]
    """By definition and window."""
    usd_by_state: dict[str, float]
    usd_per_hour: float | None
    kv_usage_ratio: float | None
    kv_capacity_tokens: float | None
    gpu_memory_used_bytes: float | None
    gpu_memory_total_bytes: float | None

    @property
    def usd(self) -> float:
        """Dollars since the server started."""
        return sum(self.usd_by_state.values())

    @property
    def idle_share(self) -> float | None:
        """Idle dollars as a share of all dollars; None before the first."""
        return self.usd_by_state.get("idle", 0.0) / self.usd if self.usd else None

    @property
    def all_tokens_per_second(self) -> float | None:
        """Prompt and generated tokens together; None while no kind has a rate."""
        known = [rate for rate in self.tokens_per_second.values() if rate is not None]
        return sum(known) if known else None


def read(scrape: Scrape) -> Reading:
    """Translate the exposition into a Reading."""
    states = {sample.labels["state"] for sample in scrape.matching("costmeter_cost_usd_total")}
    return Reading(
        tokens_per_second={
            kind: scrape.value("costmeter_tokens_per_second", kind=kind, window="1m") for kind in KINDS
        },
        usd_per_million={
            (per, window): scrape.value("costmeter_usd_per_million_tokens", per=per, window=window)
            for per in PER
            for window in WINDOWS
        },
        usd_by_state={
            state: scrape.total("costmeter_cost_usd_total", state=state) for state in sorted(states)
        },
        usd_per_hour=scrape.value("costmeter_price_usd_per_hour"),
        kv_usage_ratio=scrape.value("costmeter_kv_cache_usage_ratio"),
        kv_capacity_tokens=scrape.value("costmeter_kv_cache_capacity_tokens"),
        gpu_memory_used_bytes=scrape.value("costmeter_gpu_memory_used_bytes"),
        gpu_memory_total_bytes=scrape.value("costmeter_gpu_memory_total_bytes"),
    )
