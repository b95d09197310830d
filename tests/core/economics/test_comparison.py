"""Plans side by side: which is the dearest, what the others save, and what cannot be."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from vllm_costmeter.core.economics.comparison import ComparedPlan, Comparison, Line, Training
from vllm_costmeter.core.economics.plan import MonthlyPlan, Use
from vllm_costmeter.core.finetuning.judge import Judged
from vllm_costmeter.core.finetuning.settings import Settings
from vllm_costmeter.core.finetuning.verdict import Verdict
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.hourly import rented

GPU = GpuSpec("a GPU")
NOBODYS: Any = None
"""A run and its bytes, which no plan looks at."""


def training(verdict: Verdict | None) -> Training:
    """None: its model is not understood."""
    found = None if verdict is None else Judged(NOBODYS, NOBODYS, GPU, verdict)
    return Training("m", Settings("lora"), found)


def line(usd: int = 1, rate: int | None = None, of: Training | None = None) -> Line:
    """An hour of a rented GPU."""
    per_second = None if rate is None else Fraction(rate)
    use = Use("a GPU", rented(usd), Fraction(1), tokens_per_second=per_second)
    return Line(use, GPU, "a source", None, None, training=of)


def plan(*lines: Line) -> ComparedPlan:
    return ComparedPlan(MonthlyPlan("a plan", tuple(each.use for each in lines)), lines)


def comparison(*plans: ComparedPlan) -> Comparison:
    return Comparison(plans, date(2026, 11, 29), "bf16")


def test_a_training_that_is_not_understood_is_unknown() -> None:
    """Otherwise its verdict is the judge's; whose hours follow from an estimate is said, not assumed."""
    assert [training(each).verdict for each in ("fits", "refused", None)] == ["fits", "refused", "unknown"]
    assert not training("fits").is_rate_estimated


@pytest.mark.parametrize(
    ("rate", "of", "has"),
    [
        (1000, None, True),
        (None, None, False),
        (1000, training("fits"), True),
        (1000, training(None), True),
        (1000, training("refused"), False),
        (None, training("fits"), False),
    ],
)
def test_tokens_have_a_price_if_their_rate_is_known_and_the_work_can_be(
    rate: int | None, of: Training | None, has: bool
) -> None:
    assert line(rate=rate, of=of).has_unit_price is has


def test_the_verdicts_of_a_plan_are_those_of_its_trainings() -> None:
    """Serving has none."""
    found = plan(line(), line(of=training("tight")), line(of=training(None)), line(of=training("tight")))
    assert found.verdicts == {"tight", "unknown"}
    assert plan(line()).verdicts == set()


def test_savings_are_measured_against_the_dearest_plan() -> None:
    """1 and 3 USD save 75 and 25 % of 4; the dearest itself saves nothing that could be named."""
    plans = plan(line(1)), plan(line(4)), plan(line(1), line(2))
    found = comparison(*plans)
    assert found.most_expensive is plans[1]
    assert [found.saving(each) for each in plans] == [Fraction(3, 4), None, Fraction(1, 4)]


def test_a_plan_that_cannot_be_saves_nothing_and_is_no_measure() -> None:
    """However dear or cheap it is; one whose training is unknown may be."""
    dear, cheap = plan(line(9, of=training("refused"))), plan(line(1, of=training("refused")))
    plans = dear, plan(line(4, of=training(None))), cheap, plan(line(2))
    found = comparison(*plans)
    assert found.most_expensive is plans[1]
    assert [found.saving(each) for each in plans] == [None, None, None, Fraction(1, 2)]


def test_where_no_plan_can_be_the_dearest_is_still_named() -> None:
    plans = plan(line(1, of=training("refused"))), plan(line(2, of=training("refused")))
    found = comparison(*plans)
    assert found.most_expensive is plans[1]
    assert [found.saving(each) for each in plans] == [None, None]
