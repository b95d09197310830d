"""What requests cost now, for all API processes of a server."""

from __future__ import annotations

from vllm_costmeter.core.meter import Meter, MeterReading
from vllm_costmeter.outputs.metrics.process_exchange import PublishedRates


def current_rates(now_seconds: float, meter: Meter, reading: MeterReading) -> PublishedRates:
    """As of `now_seconds`, from a meter and its latest reading."""
    price, requests = reading.price, meter.requests
    usd_per_second = 0.0 if price is None else sum(price.usd_per_hour_by_component.values()) / 3600
    has_energy = reading.active_joules is not None
    latest = requests.latest_rates()
    return PublishedRates(
        now_seconds, requests.rates(), price is not None, has_energy, latest, usd_per_second
    )
