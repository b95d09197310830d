"""Cost of one deployment at one token rate: per hour, per useful hour, per million tokens."""

from __future__ import annotations

from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.pricing.hourly import Convention, HourlyCost, usd_per_million_tokens


@dataclass(frozen=True, slots=True)
class Cost:
    """The result of `costmeter cost`."""

    hourly: HourlyCost
    utilisation: Fraction = Fraction(1)
    tokens_per_second: Fraction | None = None
    """Rate while the GPUs work; None: unknown, so there is no price per million tokens."""
    gco2e_per_hour: Fraction | None = None
    """Grams of CO2e from the electricity of all GPUs at work; None: unknown."""
    gco2e_source: str = ""

    def usd_per_hour(self, convention: Convention = "exact") -> Fraction:
        """USD per hour while every GPU works."""
        return self.hourly.usd_per_hour(convention)

    def usd_per_useful_hour(self, convention: Convention = "exact") -> tuple[Fraction, Fraction]:
        """USD per hour of work, including the idle time paid for it: (at least, at most)."""
        return self.hourly.usd_per_useful_hour(self.utilisation, convention)

    @property
    def gco2e_per_million_tokens(self) -> Fraction | None:
        """Emissions of GPUs at work; those of idle GPUs are not included. None if unknown."""
        if self.gco2e_per_hour is None or self.tokens_per_second is None:
            return None
        return self.gco2e_per_hour / (self.tokens_per_second * 3600) * 1_000_000

    def usd_per_million_tokens(self, convention: Convention = "exact") -> tuple[Fraction, Fraction] | None:
        """(at least, at most); None without a token rate."""
        rate = self.tokens_per_second
        if rate is None:
            return None
        low, high = self.usd_per_useful_hour(convention)
        return usd_per_million_tokens(low, rate), usd_per_million_tokens(high, rate)
