"""A comparison of plans, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.economics.comparison import ComparedPlan, Comparison, Line
from vllm_costmeter.core.economics.sensitivity import Range, by_tariff, by_utilisation
from vllm_costmeter.outputs.economics.training_answer import training_values

SCHEMA = "costmeter.compare/1"
WORST_FIRST = ("refused", "unknown", "tight", "fits")
"""Verdicts on fine-tunings."""


def values(comparison: Comparison) -> dict[str, Any]:
    """Every plan with its lines; monthly amounts are sums of whole cents."""
    return {
        "bought": comparison.bought.isoformat(),
        "quantization": comparison.precision,
        "plans": [_plan_values(comparison, each) for each in comparison.plans],
    }


def _plan_values(comparison: Comparison, each: ComparedPlan) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": each.plan.name,
        "usd_per_month": each.plan.usd(),
        "serving_usd_per_month": each.plan.usd_for("serving"),
        "training_usd_per_month": each.plan.usd_for("training"),
        "uses": [_line_values(comparison, line) for line in each.lines],
    }
    unit, saved = each.plan.usd_per_million_tokens(), comparison.saving(each)
    if each.verdicts:
        found["verdict"] = next(word for word in WORST_FIRST if word in each.verdicts)
    if unit is not None:
        found["usd_per_million_tokens_served"] = unit
    if saved is not None:
        found["saving_ratio"] = saved
    return found


def _line_values(comparison: Comparison, line: Line) -> dict[str, Any]:
    use = line.use
    found: dict[str, Any] = {
        "gpu": {"name": use.gpu, "count": use.cost.gpus},
        "basis": use.cost.basis,
        "price_source": line.price_source,
        "price": dict(line.price),
        "usd_per_hour": use.cost.usd_per_hour(),
        "hours_per_month": use.hours,
        "usd_per_month": use.usd(),
        "charges": [
            {
                "component": charge.component,
                "usd_per_hour": charge.usd_per_hour,
                "hours": charge.hours,
                "usd": charge.usd,
            }
            for charge in use.charges()
        ],
        "purpose": use.purpose,
        "utilization_ratio": use.utilisation,
    }
    if line.gpu.nominal_gb is not None:
        found["memory_gb"] = line.gpu.nominal_gb * use.cost.gpus
    if line.largest_model is not None:
        found["largest_model_that_fits"] = line.largest_model
    unit = use.usd_per_million_tokens()
    if line.has_unit_price and unit is not None:
        found |= {"tokens_per_second": use.tokens_per_second, "usd_per_million_tokens": unit}
        found["sensitivity"] = {
            "usd_per_million_tokens_by_utilization_ratio": _ranges("utilization_ratio", by_utilisation(use)),
            "usd_per_million_tokens_by_usd_per_kwh": _ranges("usd_per_kwh", by_tariff(use)),
        }
    if line.training is not None:
        found["training"] = training_values(line.training)
    if line.break_even is not None:
        found["break_even"] = _break_even_values(comparison, line)
    return found


def _break_even_values(comparison: Comparison, line: Line) -> dict[str, Any]:
    each = line.break_even
    assert each is not None
    found: dict[str, Any] = {
        "purchase_usd": each.purchase_usd,
        "rent_usd_per_month": each.rent_usd_per_month,
        "rent_source": line.rent_source,
        "running_usd_per_month": each.own_usd_per_month,
        "reached": each.months is not None,
        "within_lifetime": each.within_lifetime,
    }
    if each.hours is not None and each.months is not None:
        found |= {"hours": each.hours, "months": each.months}
    day = each.on(comparison.bought)
    return found if day is None else found | {"date": day.isoformat()}


def _ranges(at: str, table: Mapping[Fraction, Range]) -> list[dict[str, Any]]:
    return [{at: value, "usd_per_million_tokens_range": list(each)} for value, each in table.items()]
