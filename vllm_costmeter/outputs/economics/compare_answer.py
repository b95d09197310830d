"""Plans side by side, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.economics.comparison import ComparedPlan, Comparison, Line
from vllm_costmeter.core.economics.plan import Use
from vllm_costmeter.core.economics.sensitivity import Range, by_tariff, by_utilisation
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.money import written
from vllm_costmeter.outputs.economics.answer import NO_ELECTRICITY, Section, amount, percent, span

SCHEMA = "costmeter.compare/1"


def sections(comparison: Comparison, currency: Currency) -> list[Section]:
    """Plans, their lines, and where they apply break-even and sensitivity."""
    found = [_plans(comparison, currency), _lines(comparison, currency)]
    owned = [line for line in _all(comparison) if line.break_even is not None]
    if owned:
        found.append(_break_even(comparison, owned, currency))
    rated = [line for line in _all(comparison) if line.use.tokens_per_second is not None]
    if rated:
        found.append(_by_utilisation(rated, currency))
    if powered := [line for line in rated if by_tariff(line.use)]:
        found.append(_by_tariff(powered, currency))
    return found


def _all(comparison: Comparison) -> Iterator[Line]:
    """Each deployment once, though several plans use it."""
    seen = set()
    for plan in comparison.plans:
        for line in plan.lines:
            if line.use not in seen:
                seen.add(line.use)
                yield line


def _plans(comparison: Comparison, currency: Currency) -> Section:
    rows = []
    for each in comparison.plans:
        saved, unit = comparison.saving(each), each.plan.usd_per_million_tokens()
        rows.append(
            (
                each.plan.name,
                amount(each.plan.usd(), currency),
                amount(each.plan.usd_for("serving"), currency),
                amount(each.plan.usd_for("training"), currency),
                "" if unit is None else amount(unit, currency, 3),
                "" if saved is None else f"{percent(saved)} less",
            )
        )
    code = currency.code
    titles = ("plan", f"{code}/month", "serving", "training", f"{code}/M tokens served", "than the dearest")
    return Section("Plans", titles, rows)


def _lines(comparison: Comparison, currency: Currency) -> Section:
    code = currency.code
    titles = ("plan", "deployment", "price", f"{code}/h", "hours", f"{code}/month", "GB", "link", "holds")
    rows = [
        (
            each.plan.name,
            f"{line.use.name}{' training' if line.use.purpose == 'training' else ''}",
            line.price_source,
            amount(line.use.cost.usd_per_hour(), currency, 3),
            hours(line.use.hours),
            amount(line.use.usd(), currency),
            "" if line.card.nominal_gb is None else f"{line.card.nominal_gb * line.use.cost.gpus:g}",
            link(line.card),
            line.largest_model or "none",
        )
        for each in comparison.plans
        for line in each.lines
    ]
    notes = [f"holds: the largest of the asked models that fits in {comparison.precision} with 8,192 tokens."]
    uses = [line.use for line in _all(comparison)]
    if any(use.cost.owned is not None for use in uses):
        notes.append("An owned card is written off all month; it draws power in its hours only.")
    if any(low != high for low, high in (use.usd_range() for use in uses)):
        notes.append("A waiting card is counted at its full power: --idle-watts says what it draws.")
    if any(use.cost.lacks_electricity for use in uses):
        notes.append(NO_ELECTRICITY)
    return Section("Lines", titles, rows, tuple(notes))


def link(card: GpuSpec) -> str:
    """To the other cards of the machine: "NVLink 450 GB/s each way, 900 both"."""
    if card.link_bytes_per_second is None:
        return ""
    speed = card.link_bytes_per_second / 1e9
    return f"{card.link_type or ''} {speed:g} GB/s each way, {2 * speed:g} both".strip()


def hours(value: Fraction) -> str:
    """Whole hours as such, others with a digit."""
    return written(value, 0 if value.denominator == 1 else 1)


def _break_even(comparison: Comparison, lines: list[Line], currency: Currency) -> Section:
    rows = []
    for line in lines:
        found = line.break_even
        assert found is not None
        day = found.on(comparison.bought)
        rows.append(
            (
                line.use.name,
                amount(found.purchase_usd, currency),
                amount(found.rent_usd_per_month, currency),
                amount(found.own_usd_per_month, currency),
                "never" if found.hours is None else hours(Fraction(round(found.hours))),
                "" if found.months is None else written(found.months, 1),
                "" if day is None else day.isoformat(),
                "yes" if found.within_lifetime else "no",
            )
        )
    titles = (
        "owned",
        "purchase",
        "rent/month",
        "running/month",
        "pays after hours",
        "months",
        "on",
        "within its life",
    )
    rents = dict.fromkeys(f"rent of {line.use.name}: {line.rent_source}." for line in lines)
    return Section(
        f"Buying against renting, bought {comparison.bought.isoformat()}, {currency.code}",
        titles,
        rows,
        tuple(rents),
    )


def _by_utilisation(lines: list[Line], currency: Currency) -> Section:
    return _sensitivity("utilisation of the plan's hours", lines, by_utilisation, currency, percent)


def _by_tariff(lines: list[Line], currency: Currency) -> Section:
    return _sensitivity(
        "electricity per kWh", lines, by_tariff, currency, lambda usd: written(currency.shown(usd), 2)
    )


def _sensitivity(
    what: str,
    lines: list[Line],
    table: Callable[[Use], Mapping[Fraction, Range]],
    currency: Currency,
    name: Callable[[Fraction], str],
) -> Section:
    tables = [table(line.use) for line in lines]
    rows = [
        (line.use.name, line.use.cost.basis, *(span(each, currency) for each in found.values()))
        for line, found in zip(lines, tables, strict=True)
    ]
    titles = ("deployment", "", *(name(each) for each in tables[0]))
    return Section(f"{currency.code} per million tokens by {what}", titles, rows)


def values(comparison: Comparison) -> dict[str, Any]:
    """Every plan with its lines; amounts per month are sums of whole cents."""
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
        "purpose": use.purpose,
        "utilization_ratio": use.utilisation,
    }
    if line.card.nominal_gb is not None:
        found["memory_gb"] = line.card.nominal_gb * use.cost.gpus
    if line.largest_model is not None:
        found["largest_model_that_fits"] = line.largest_model
    unit = use.usd_per_million_tokens()
    if use.tokens_per_second is not None and unit is not None:
        found |= {"tokens_per_second": use.tokens_per_second, "usd_per_million_tokens": unit}
        found["sensitivity"] = {
            "usd_per_million_tokens_by_utilization_ratio": _ranges("utilization_ratio", by_utilisation(use)),
            "usd_per_million_tokens_by_usd_per_kwh": _ranges("usd_per_kwh", by_tariff(use)),
        }
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
