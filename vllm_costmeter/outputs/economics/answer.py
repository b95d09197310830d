"""A result of an economics command, as tables or as JSON, in the reader's currency."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.pricing.currency import USD, Currency
from vllm_costmeter.core.pricing.money import json_number, written
from vllm_costmeter.outputs.text.csv_rows import csv_text
from vllm_costmeter.outputs.text.table_layout import markdown_table, terminal_table

NO_ELECTRICITY = (
    "Electricity is not included: give --electricity-usd-per-kwh, or a --region whose tariff is known."
)

Format = Literal["text", "json", "csv", "markdown"]
FORMATS: tuple[Format, ...] = ("text", "json", "csv", "markdown")


@dataclass(frozen=True, slots=True)
class Section:
    """One table with its notes."""

    title: str
    titles: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()


def rendered(
    format: Format,
    schema: str,
    values: Mapping[str, Any],
    sections: Sequence[Section],
    currency: Currency = USD,
) -> str:
    """The result in the requested format: `values` as JSON or CSV, or `sections` as tables."""
    if format == "json":
        return document(schema, values, currency)
    if format == "csv":
        return csv_text(document(schema, values, currency))
    return (markdown if format == "markdown" else text)(sections)


def text(sections: Sequence[Section]) -> str:
    """Tables for a terminal."""
    return "\n".join(
        _joined(f"{each.title}\n", terminal_table(each.titles, each.rows), each) for each in sections
    )


def markdown(sections: Sequence[Section]) -> str:
    """Markdown tables."""
    return "\n".join(
        _joined(f"### {each.title}\n\n", markdown_table(each.titles, each.rows), each, "\n")
        for each in sections
    )


def document(schema: str, values: Mapping[str, Any], currency: Currency = USD) -> str:
    """One JSON object. Fractions are rounded to six digits. With another currency, every field in dollars has
    a counterpart (`usd_per_hour`, `eur_per_hour`), and the exchange rate is given."""
    found: dict[str, Any] = {"schema": schema}
    if currency is not USD:
        found["currency"] = {"code": currency.code, "usd_per_unit": json_number(currency.usd_per_unit)}
    return json.dumps(found | _plain(values, currency), indent=2) + "\n"


def amount(usd: Fraction, currency: Currency, digits: int = 2) -> str:
    """An amount of money in the reader's currency; below a cent, with as many digits as needed to show it."""
    shown = currency.shown(usd)
    while shown and abs(shown) * 10**digits < 10 and digits < 9:
        digits += 1
    return written(shown, digits)


def span(low_high: tuple[Fraction, Fraction], currency: Currency, digits: int = 3) -> str:
    """ "0.024 to 0.031", or one figure if both print the same."""
    low, high = (amount(each, currency, digits) for each in low_high)
    return low if low == high else f"{low} to {high}"


def percent(ratio: Fraction | float, digits: int = 0) -> str:
    """A share as text: "94 %"."""
    return f"{written(Fraction(ratio) * 100, digits)} %"


def _joined(title: str, table: str, section: Section, gap: str = "") -> str:
    notes = "".join(f"{note}\n" for note in section.notes)
    return f"{title}{table}{gap if notes else ''}{notes}"


def _plain(value: Any, currency: Currency) -> Any:
    if isinstance(value, Mapping):
        found = {}
        for key, each in value.items():
            found[key] = _plain(each, currency)
            if currency is not USD and "usd" in key.split("_") and key != "usd_per_unit" and _is_amount(each):
                found[key.replace("usd", currency.code.lower())] = _plain(_shown(each, currency), currency)
        return found
    if isinstance(value, list | tuple):
        return [_plain(each, currency) for each in value]
    return json_number(value) if isinstance(value, Fraction) else value


def _is_amount(value: Any) -> bool:
    """One amount or several; not a list of rows, which have counterparts in their own fields."""
    return not isinstance(value, list | tuple) or any(isinstance(each, Fraction) for each in value)


def _shown(value: Any, currency: Currency) -> Any:
    if isinstance(value, Fraction):
        return currency.shown(value)
    if isinstance(value, list | tuple):
        return [_shown(each, currency) for each in value]
    if isinstance(value, Mapping):
        return {key: _shown(each, currency) for key, each in value.items()}
    return value
