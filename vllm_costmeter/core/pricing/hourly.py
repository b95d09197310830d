"""Hourly cost of a server, rented or owned, in total and per hour of work."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.money import exact, rounded
from vllm_costmeter.core.pricing.ownership import OwnedTerms

Convention = Literal["exact", "article"]
"""exact: rounded only when printed, with electricity for the power actually drawn. article: as in the RTX
4090 and H100 comparison of 25 May 2026, with components rounded to a tenth of a cent and the whole rate
divided by the utilisation, as if an idle GPU drew full power."""

ARTICLE_DIGITS = 3


@dataclass(frozen=True, slots=True)
class HourlyCost:
    """A server with `gpus` GPUs: rented at `rental_usd`, or owned on `owned` terms.

    BadInputError for fewer than 1 GPU; ValueError unless exactly one of the two is given.
    """

    gpus: int = 1
    rental_usd: Fraction | None = None
    """USD per hour of the whole deployment."""
    owned: OwnedTerms | None = None

    def __post_init__(self) -> None:
        if self.gpus < 1:
            raise BadInputError(f"{self.gpus} GPUs; give 1 or more")
        if (self.rental_usd is None) == (self.owned is None):
            raise ValueError("a server is either rented or owned")

    @property
    def basis(self) -> Literal["rented", "owned"]:
        return "rented" if self.owned is None else "owned"

    def components(self, convention: Convention = "exact") -> Mapping[str, Fraction]:
        """USD per hour of all GPUs together, by component, while every GPU works."""
        if self.owned is None:
            assert self.rental_usd is not None
            return {"rental": self.rental_usd}
        per_gpu = {"depreciation": self.owned.depreciation_usd_per_hour(1)}
        if self.owned.usd_per_kwh is not None:
            per_gpu["electricity"] = self.owned.electricity_usd(Fraction(1))[1]
        overhead = self.owned.overhead_usd_per_hour
        if convention == "article":
            per_gpu = {name: rounded(usd, ARTICLE_DIGITS) for name, usd in per_gpu.items()}
            overhead = rounded(overhead, ARTICLE_DIGITS)
        return {name: usd * self.gpus for name, usd in per_gpu.items()} | {"overhead": overhead}

    def usd_per_hour(self, convention: Convention = "exact") -> Fraction:
        """USD per hour while every GPU works."""
        return sum(self.components(convention).values(), Fraction(0))

    def usd_per_useful_hour(
        self, utilisation: Fraction, convention: Convention = "exact"
    ) -> tuple[Fraction, Fraction]:
        """USD per hour of work if the GPUs work `utilisation` of the time: (at least, at most).

        Rent, depreciation and overhead continue while the GPUs are idle, as does electricity at idle power.
        The `article` convention returns its upper bound twice.
        """
        hours = 1 / utilisation
        if self.owned is None or convention == "article":
            total = self.usd_per_hour(convention) * hours
            return total, total
        standing = self.standing_usd_per_hour * hours
        low, high = self.electricity_usd(hours, utilisation)
        return standing + low, standing + high

    @property
    def standing_usd_per_hour(self) -> Fraction:
        """Depreciation and overhead of an owned server, due even when it is off; 0 for a rented one."""
        if self.owned is None:
            return Fraction(0)
        return self.owned.depreciation_usd_per_hour(self.gpus) + self.owned.overhead_usd_per_hour

    def electricity_usd(self, hours: Fraction, utilisation: Fraction) -> tuple[Fraction, Fraction]:
        """Electricity of all owned GPUs over `hours` switched on: (at least, at most); rent includes it."""
        if self.owned is None:
            return Fraction(0), Fraction(0)
        low, high = self.owned.electricity_usd(hours, utilisation)
        return low * self.gpus, high * self.gpus

    @property
    def lacks_electricity(self) -> bool:
        """Whether the GPUs are owned and the price of electricity is not stated."""
        return self.owned is not None and self.owned.usd_per_kwh is None

    def at_tariff(self, usd_per_kwh: Fraction) -> HourlyCost:
        """This server at another price of electricity; a rented one is unchanged."""
        owned = self.owned
        return self if owned is None else replace(self, owned=replace(owned, usd_per_kwh=usd_per_kwh))


def usd_per_million_tokens(usd_per_hour: Fraction, tokens_per_second: Fraction) -> Fraction:
    """usd_per_hour / (tokens_per_second x 3600) x 1e6."""
    return usd_per_hour / (tokens_per_second * 3600) * 1_000_000


def rented(usd_per_gpu_hour: str | float | Fraction, gpus: int = 1) -> HourlyCost:
    """`gpus` rented GPUs. ValueError for a rate that is not a number."""
    return HourlyCost(gpus, rental_usd=exact(usd_per_gpu_hour) * gpus)
