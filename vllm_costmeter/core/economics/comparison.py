"""Plans side by side: what each line costs and holds, and when buying it pays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.economics.break_even import BreakEven
from vllm_costmeter.core.economics.plan import MonthlyPlan, Use, saving
from vllm_costmeter.core.gpu.spec import GpuSpec


@dataclass(frozen=True, slots=True)
class Line:
    """One use of a plan with what was looked up for it."""

    use: Use
    gpu: GpuSpec
    price_source: str
    largest_model: str | None
    """The candidate model with the most parameters that fits in the asked precision; None: none does."""
    break_even: BreakEven | None
    """Against renting the same; None for rented GPUs and where no rent is known."""
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
    """The date that break-even counts from."""
    precision: str
    """Of the candidate models."""

    @property
    def most_expensive(self) -> ComparedPlan:
        """The plan that the others save against."""
        return max(self.plans, key=lambda each: each.plan.usd())

    def saving(self, plan: ComparedPlan) -> Fraction | None:
        """Against the most expensive plan; None for that plan itself."""
        return (
            None if plan is self.most_expensive else saving(plan.plan.usd(), self.most_expensive.plan.usd())
        )
