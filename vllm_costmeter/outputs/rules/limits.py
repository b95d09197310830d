"""Alert limits set by the operator; each has a default."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, fields
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.quote import STALE_AFTER_DAYS
from vllm_costmeter.outputs.economics.api_prices import DEFAULT, ApiPrices


@dataclass(frozen=True, slots=True)
class Limits:
    """An alert fires above a limit. Dollars are for the whole fleet unless stated per model."""

    target_usd_per_million: float = 5.0
    """$/M generated tokens of a model, based on its whole bill."""
    idle_usd_per_hour: float = 2.0
    budget_usd_per_day: float = 100.0
    budget_usd_per_month: float = 2000.0
    """Over 30 days."""
    price_age_days: float = STALE_AFTER_DAYS
    api: ApiPrices = DEFAULT

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if isinstance(value, float | int) and not 0 < value < float("inf"):
                flag = f"--{limit.name.replace('_', '-')}"
                raise BadInputError(f"{flag} must be a number above 0, got {value:g}")
