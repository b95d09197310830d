"""Plans side by side: every line with what it holds, when buying pays, and how sensitive the figure is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from vllm_costmeter.core.economics.break_even import BreakEven
from vllm_costmeter.core.economics.plan import MonthlyPlan, Use, saving
from vllm_costmeter.core.gpu.spec import GpuSpec


@dataclass(frozen=True, slots=True)
class Line:
    """One use of a plan with what was looked up for it."""

    use: Use
    card: GpuSpec
    price_source: str
    largest_model: str | None
    """Of the asked models in the asked precision the one with the most parameters that fits; None: none does."""
    break_even: BreakEven | None
    """Against renting the same; None for rented cards and where no rent is known."""
    price: Mapping[str, object] = field(default_factory=dict)
    """Its parts, with source and date, for a document."""
    rent_source: str = ""
    """Of the rent in `break_even`, in words."""


@dataclass(frozen=True, slots=True)
class ComparedPlan:
    """A plan with its lines, in its order."""

    plan: MonthlyPlan
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `costmeter compare` answers."""

    plans: tuple[ComparedPlan, ...]
    bought: date
    """The day that break-even dates count from."""
    precision: str
    """Of the models that the lines are asked to hold."""

    @property
    def dearest(self) -> ComparedPlan:
        """What the others save against."""
        return max(self.plans, key=lambda each: each.plan.usd())

    def saving(self, plan: ComparedPlan) -> Fraction | None:
        """Against the dearest; None for the dearest itself."""
        return None if plan is self.dearest else saving(plan.plan.usd(), self.dearest.plan.usd())
