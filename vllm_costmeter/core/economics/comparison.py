"""Plans side by side: each line's cost, its largest model, and its break-even."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.economics.break_even import BreakEven
from vllm_costmeter.core.economics.plan import MonthlyPlan, Use, saving
from vllm_costmeter.core.finetuning.judge import Judged
from vllm_costmeter.core.finetuning.settings import Settings
from vllm_costmeter.core.finetuning.verdict import Verdict
from vllm_costmeter.core.gpu.spec import GpuSpec


@dataclass(frozen=True, slots=True)
class Training:
    """A fine-tuning in a plan, with its verdict."""

    model: str
    settings: Settings
    judged: Judged | None
    """None: the model's training is not understood; `fault` says why."""
    fault: str = ""
    nearest: Judged | None = None
    """Of a refused one: the cheapest GPUs of the catalogue that it fits as asked."""
    nearest_usd_per_hour: Fraction | None = None
    is_rate_estimated: bool = False
    """Whether the line's hours follow from an estimated rate."""

    @property
    def verdict(self) -> Verdict:
        """ "unknown" if the model is not understood."""
        return "unknown" if self.judged is None else self.judged.verdict


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
    training: Training | None = None
    """Whether the fine-tuning that it is for can be; None: not asked."""

    @property
    def has_unit_price(self) -> bool:
        """Whether its tokens have a price: its rate is known, and its training can be."""
        is_refused = self.training is not None and self.training.verdict == "refused"
        return self.use.tokens_per_second is not None and not is_refused


@dataclass(frozen=True, slots=True)
class ComparedPlan:
    """A plan with one line per use, in the same order."""

    plan: MonthlyPlan
    lines: tuple[Line, ...]

    @property
    def verdicts(self) -> set[Verdict]:
        """Of its fine-tunings."""
        return {line.training.verdict for line in self.lines if line.training is not None}


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
        """The plan that savings are measured against; one that cannot be only if none can."""
        possible = [each for each in self.plans if "refused" not in each.verdicts]
        return max(possible or self.plans, key=lambda each: each.plan.usd())

    def saving(self, plan: ComparedPlan) -> Fraction | None:
        """Saving against the most expensive plan, as a share; None for that plan itself, and one that cannot be."""
        if plan is self.most_expensive or "refused" in plan.verdicts:
            return None
        return saving(plan.plan.usd(), self.most_expensive.plan.usd())
