"""The servers of the simulated hour, and their load."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from vllm_costmeter.core.meter.split.roofline import ModelWork
from vllm_costmeter.core.pricing.price import Price, owned_price, rental_price

SECONDS, TICK_SECONDS, SCRAPE_SECONDS = 3600, 5, 15
TEAMS = ("search", "support", "research", "")


@dataclass(frozen=True)
class Replica:
    """One server: what it is, and how many requests a second it gets at a second of the hour."""

    instance: str
    cluster: str
    model: str
    gpus: int
    price: Price
    work: ModelWork
    requests_per_second: Callable[[int], float]
    gpu: str = "RTX 4090"
    restarts_at: int | None = None
    sleeps_from: int = SECONDS + 1
    comes_at: int = 0
    teams: tuple[str, ...] = ()
    """Whose requests, in turn; an empty name is nobody's. Empty: tenants are not told apart."""


def one_request_then_a_busy_hour(second: int) -> float:
    """A single request after two minutes, silence, and from ten minutes on a load that swells."""
    if second < 600:
        return 1 / TICK_SECONDS if 120 <= second < 120 + TICK_SECONDS else 0.0
    return 6 + 5 * math.sin((second - 600) / 500)


EIGHT = ModelWork(active_parameters=8_030_261_248, weight_bytes=16_060_522_496, kv_bytes_per_token=131_072)
SEVENTY = ModelWork(
    active_parameters=70_553_706_496, weight_bytes=141_107_412_992, kv_bytes_per_token=327_680
)
FLEET = (
    Replica(
        "gpu-1:8000",
        "eu-1",
        "llama-3.1-8b",
        1,
        rental_price(usd_per_gpu_hour=0.55, gpus=1, source="flag"),
        EIGHT,
        one_request_then_a_busy_hour,
        teams=TEAMS,
    ),
    Replica(
        "gpu-2:8000",
        "us-1",
        "llama-3.1-8b",
        1,
        owned_price(
            purchase_usd=2000,
            lifetime_years=3,
            usd_per_kwh=0.15,
            pue=1.3,
            overhead_usd_per_month=40,
            gpus=1,
            source="file",
        ),
        EIGHT,
        lambda second: 2.0 if second % 900 < 600 else 0.0,
        restarts_at=2400,
        comes_at=300,
        teams=TEAMS,
    ),
    Replica(
        "gpu-3:8000",
        "us-1",
        "llama-3.3-70b",
        4,
        rental_price(usd_per_gpu_hour=3.84, gpus=4, source="catalogue", as_of="2026-05-25"),
        SEVENTY,
        lambda second: 0.8 if second < 900 else 0.0,
        gpu="H100 SXM",
        sleeps_from=2700,
    ),
)
