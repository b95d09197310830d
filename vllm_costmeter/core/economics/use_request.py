"""One deployment as it was asked for, before GPUs and prices are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.economics.plan import Purpose
from vllm_costmeter.core.errors import BadInputError


@dataclass(frozen=True, slots=True)
class UseRequest:
    """None means: not said."""

    gpu: str
    """With its count: "8x H100 SXM"."""
    hours: Fraction | None = None
    usd_per_gpu_hour: Fraction | None = None
    usd_per_hour: Fraction | None = None
    is_owned: bool = False
    owned: Mapping[str, Fraction] = field(default_factory=dict)
    """Terms of these GPUs by the name of the flag (`purchase_usd`); the command's flags for the rest."""
    tokens_per_second: Fraction | None = None
    utilisation: Fraction = Fraction(1)
    tokens: Fraction | None = None
    purpose: Purpose = "serving"

    def stated_hours(self) -> Fraction:
        """As stated, or what the tokens take at the rate. BadInputError where neither is known."""
        if self.hours is not None:
            return self.hours
        if self.tokens is not None and self.tokens_per_second is not None:
            return self.tokens / self.tokens_per_second / 3600 / self.utilisation
        raise BadInputError(
            f"{self.gpu}: no hours: give them, as in {self.gpu + ' 160h'!r}, or tokens and a rate (500Mtok 12000tok/s)"
        )


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A named list of them."""

    name: str
    uses: tuple[UseRequest, ...]
