"""Plans side by side: each line's cost, its largest model, and its break-even."""

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
    """One use in a plan, with the facts that were looked up for it."""

    use: Use
    gpu: GpuSpec
    price_source: str
    largest_model: str | None
    """The candidate model with the most parameters that fits at the given precision; None: none fits."""
    break_even: BreakEven | None
    """Against renting the same GPUs; None for rented GPUs and if the rent is unknown."""
    price: Mapping[str, object] = field(default_factory=dict)
    """Parts of the price, with source and date, for JSON."""
    rent_source: str = ""
    """Source of the rent in `break_even`, as text."""


@dataclass(frozen=True, slots=True)
class ComparedPlan:
    """A plan with one line per use, in the same order."""

    plan: MonthlyPlan
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `costmeter compare`."""

    plans: tuple[ComparedPlan, ...]
    bought: date
    """Date of purchase, from which break-even counts."""
    precision: str
    """Precision of the candidate models."""

    @property
    def most_expensive(self) -> ComparedPlan:
        """The plan that savings are measured against."""
        return max(self.plans, key=lambda each: each.plan.usd())

    def saving(self, plan: ComparedPlan) -> Fraction | None:
        """Saving against the most expensive plan, as a share; None for that plan itself."""
        return (
            None if plan is self.most_expensive else saving(plan.plan.usd(), self.most_expensive.plan.usd())
        )
