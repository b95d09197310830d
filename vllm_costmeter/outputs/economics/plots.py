"""Charts of a comparison: dollars per million tokens by utilisation, cumulative cost of buying and renting."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from vllm_costmeter.core.economics.comparison import Comparison, Line
from vllm_costmeter.core.economics.sensitivity import by_utilisation
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.outputs.figure import check_name, new_figure, save

_UTILISATIONS = tuple(Fraction(percent, 100) for percent in (2, 3, 5, *range(10, 101, 5)))


def draw(comparison: Comparison, file: Path, currency: Currency) -> None:
    """One picture with the panels that the plans allow. BadInputError if they allow neither, for an
    unsupported format, without matplotlib, or if the file cannot be written."""
    check_name(file)
    lines = [line for each in comparison.plans for line in each.lines]
    rated = [line for line in lines if line.has_unit_price]
    bought = [line for line in lines if line.break_even is not None]
    panels = [draw_panel for draw_panel, found in ((_unit_prices, rated), (_cumulative, bought)) if found]
    if not panels:
        raise BadInputError("--plot needs a rate (RTX 4090 160h 2550tok/s) or owned GPUs in a plan")
    figure, axes = new_figure(len(panels))
    for draw_panel, each in zip(panels, axes, strict=True):
        draw_panel(each, rated if draw_panel is _unit_prices else bought, currency)
    save(figure, file)


def _unit_prices(axes: Any, lines: Sequence[Line], currency: Currency) -> None:
    for line in lines:
        table = by_utilisation(line.use, _UTILISATIONS)
        across = [float(share) * 100 for share in table]
        low, high = ([float(currency.shown(pair[end])) for pair in table.values()] for end in (0, 1))
        (drawn,) = axes.plot(across, high, label=f"{line.use.name}, {line.use.cost.basis}")
        if low != high:
            axes.fill_between(across, low, high, alpha=0.25, color=drawn.get_color())
    axes.set(
        xlabel="utilisation, %",
        ylabel=f"{currency.code} per million tokens",
        yscale="log",
        title="Cost of a million tokens by utilisation",
    )
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()


def _cumulative(axes: Any, lines: Sequence[Line], currency: Currency) -> None:
    for line in lines:
        found = line.break_even
        assert found is not None
        end = float(found.months * Fraction(3, 2)) if found.months is not None else 36.0
        months = [end * step / 50 for step in range(51)]
        rent, running, purchase = (
            float(currency.shown(usd))
            for usd in (found.rent_usd_per_month, found.own_usd_per_month, found.purchase_usd)
        )
        (drawn,) = axes.plot(
            months, [rent * month for month in months], "--", label=f"{line.use.name}, rented"
        )
        color = drawn.get_color()
        axes.plot(
            months,
            [purchase + running * month for month in months],
            color=color,
            label=f"{line.use.name}, owned",
        )
        if found.months is not None:
            at = float(found.months)
            axes.plot([at], [rent * at], "o", color=color)
            axes.annotate(f"{at:.1f} months", (at, rent * at), xytext=(6, -14), textcoords="offset points")
    axes.set(xlabel="months", ylabel=currency.code, title="Cumulative cost of buying and renting")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
