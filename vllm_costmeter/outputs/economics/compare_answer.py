"""A comparison of plans, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from vllm_costmeter.core.economics.comparison import Comparison, Line
from vllm_costmeter.core.economics.plan import Use
from vllm_costmeter.core.economics.sensitivity import Range, by_tariff, by_utilisation
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.core.pricing.money import written
from vllm_costmeter.core.pricing.ownership import HOURS_PER_MONTH
from vllm_costmeter.outputs.economics.answer import NO_ELECTRICITY, Section, amount, percent, span
from vllm_costmeter.outputs.economics.product import hours_text, product
from vllm_costmeter.outputs.economics.training_answer import training_section


def sections(comparison: Comparison, currency: Currency) -> list[Section]:
    """Plans and their lines; break-even and sensitivity where they apply."""
    found = [_plans(comparison, currency), _lines(comparison, currency)]
    if (trainings := training_section(comparison, currency)) is not None:
        found.append(trainings)
    owned = [line for line in _all(comparison) if line.break_even is not None]
    if owned:
        found.append(_break_even(comparison, owned, currency))
    rated = [line for line in _all(comparison) if line.has_unit_price]
    if rated:
        found.append(_by_utilisation(rated, currency))
    if powered := [line for line in rated if by_tariff(line.use)]:
        found.append(_by_tariff(powered, currency))
    return found


def _all(comparison: Comparison) -> Iterator[Line]:
    """Each deployment once, even if several plans use it."""
    seen = set()
    for plan in comparison.plans:
        for line in plan.lines:
            if line.use not in seen:
                seen.add(line.use)
                yield line


def _plans(comparison: Comparison, currency: Currency) -> Section:
    rows: list[tuple[str, ...]] = []
    for each in comparison.plans:
        if "refused" in each.verdicts:  # what cannot be has no price
            rows.append((each.plan.name, "refused", "", "", "", ""))
            continue
        saved, unit = comparison.saving(each), each.plan.usd_per_million_tokens()
        rows.append(
            (
                each.plan.name,
                written(currency.shown(each.plan.usd()), 2),
                written(currency.shown(each.plan.usd_for("serving")), 2),
                written(currency.shown(each.plan.usd_for("training")), 2),
                "" if unit is None else amount(unit, currency, 3),
                "" if saved is None else percent(-saved),
            )
        )
    code = currency.code
    titles = ("plan", f"{code}/month", "serving", "training", f"{code}/M tokens served", "vs most expensive")
    return Section("Plans", titles, rows)


def _lines(comparison: Comparison, currency: Currency) -> Section:
    code = currency.code
    titles = (
        "plan",
        "deployment",
        "price",
        "for",
        f"{code}/h",
        "hours",
        f"{code}/month",
        "GB",
        "link",
        "holds",
    )
    rows = [
        row
        for each in comparison.plans
        for line in each.lines
        for row in _charges(each.plan.name, line, currency)
    ]
    uses = [line.use for line in _all(comparison)]
    notes = [f"holds: the largest candidate model that fits in {comparison.precision} with 8,192 tokens."]
    if any(use.cost.owned is not None for use in uses):
        notes.append(
            f"Owned GPUs depreciate all {HOURS_PER_MONTH} hours of a month; they draw power in the plan's hours only."
        )
    if any(low != high for low, high in (use.usd_range() for use in uses)):
        notes.append("Idle power unknown: idle GPUs are counted at full power; give --idle-watts.")
    if any(use.cost.lacks_electricity for use in uses):
        notes.append(NO_ELECTRICITY)
    return Section("Lines", titles, rows, tuple(notes))


def _charges(plan: str, line: Line, currency: Currency) -> Iterator[tuple[str, ...]]:
    """One row per charge; the first also describes the deployment."""
    use, gpu = line.use, line.gpu
    memory = "" if gpu.nominal_gb is None else f"{gpu.nominal_gb * use.cost.gpus:g}"
    before = (plan, f"{use.name}{' training' if use.purpose == 'training' else ''}", line.price_source)
    after = (memory, link(gpu), line.largest_model or "none")
    for charge in use.charges():
        figures = product(charge.usd_per_hour, charge.hours, charge.usd, currency)
        yield (*before, charge.component, *figures, *after)
        before, after = ("", "", ""), ("", "", "")


def link(gpu: GpuSpec) -> str:
    """The link to the machine's other GPUs: "NVLink 450 GB/s each way, 900 both"."""
    if gpu.link_bytes_per_second is None:
        return ""
    speed = gpu.link_bytes_per_second / 1e9
    return f"{gpu.link_type or ''} {speed:g} GB/s each way, {2 * speed:g} both".strip()


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
                "never" if found.hours is None else hours_text(Fraction(round(found.hours))),
                "" if found.months is None else written(found.months, 1),
                "" if day is None else day.isoformat(),
                "yes" if found.within_lifetime else "no",
            )
        )
    titles = (
        "owned",
        "purchase",
        "rent/month",
        "running costs/month",
        "break-even, hours",
        "months",
        "on",
        "within lifetime",
    )
    rents = dict.fromkeys(f"Rent of {line.use.name}: {line.rent_source}." for line in lines)
    return Section(
        f"Buying vs renting, bought {comparison.bought.isoformat()}, {currency.code}",
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
