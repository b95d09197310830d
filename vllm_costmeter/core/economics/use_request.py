"""A deployment as the user specified it, before GPUs and prices are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.economics.plan import Purpose
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.finetuning.settings import Settings

TOLERANCE = Fraction(1, 100)
"""Amounts that people round differ by less."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """The fine-tuning that a use is for."""

    model: str
    """As named: a folder, a config.json, a Hub id or a packaged name."""
    settings: Settings


@dataclass(frozen=True, slots=True)
class UseRequest:
    """One use of a plan; None means not stated."""

    gpu: str
    """GPU name with count: "8x H100 SXM"."""
    hours: Fraction | None = None
    usd_per_gpu_hour: Fraction | None = None
    usd_per_hour: Fraction | None = None
    is_owned: bool = False
    owned: Mapping[str, Fraction] = field(default_factory=dict)
    """Terms for these GPUs, by flag name (`purchase_usd`); the command's flags supply the rest."""
    tokens_per_second: Fraction | None = None
    utilisation: Fraction = Fraction(1)
    tokens: Fraction | None = None
    purpose: Purpose = "serving"
    minimum_hours: Fraction = Fraction(0)
    billed_by_hours: Fraction | None = None
    training: TrainingRequest | None = None
    """Of a training; None: whether it can be is not asked."""

    def stated_rate(self) -> Fraction | None:
        """Tokens per second as stated, or as computed from tokens and hours; None if neither is possible.

        BadInputError if hours, rate and tokens are all stated and differ by more than 1 %.
        """
        if self.tokens is None or self.hours is None:
            return self.tokens_per_second
        if self.tokens_per_second is None:
            return self.tokens / (self.hours * 3600 * self.utilisation)
        served = self.tokens_per_second * self.hours * 3600 * self.utilisation
        if abs(served - self.tokens) > TOLERANCE * self.tokens:
            share = "" if self.utilisation == 1 else f" at {float(self.utilisation):.0%}"
            raise BadInputError(
                f"{self.gpu}: {float(self.hours):g} h of {float(self.tokens_per_second):,g} tok/s{share} are "
                f"{float(served) / 1e6:,.6g} Mtok, not {float(self.tokens) / 1e6:,.6g}: leave one of the three out"
            )
        return self.tokens_per_second

    def stated_hours(self) -> Fraction:
        """Hours as stated, or as computed from tokens and rate. BadInputError if neither is possible."""
        if self.hours is not None:
            return self.hours
        if self.tokens is not None and self.tokens_per_second is not None:
            return self.tokens / self.tokens_per_second / 3600 / self.utilisation
        raise BadInputError(
            f"{self.gpu}: no hours: give them, as in {self.gpu + ' 160h'!r}, or tokens and a rate (500Mtok 12000tok/s)"
        )


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A named list of uses."""

    name: str
    uses: tuple[UseRequest, ...]
