"""What a price update changes, before it is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.pricing.currency import USD
from vllm_costmeter.core.pricing.diff import PriceChange
from vllm_costmeter.core.pricing.money import json_number
from vllm_costmeter.outputs.economics.answer import amount, percent
from vllm_costmeter.outputs.text.table_layout import markdown_table, terminal_table

SCHEMA = "costmeter.prices-update/1"
_TITLES = ("", "price", "before", "now", "change")


def text(changes: Sequence[PriceChange], *, markdown: bool = False) -> str:
    """One line per change: + added, - removed, ~ changed."""
    rows = [
        (
            sign(change),
            " ".join(filter(None, change.key)),
            _usd(change.before),
            _usd(change.after),
            _by(change),
        )
        for change in changes
    ]
    return (markdown_table if markdown else terminal_table)(_TITLES, rows)


def sign(change: PriceChange) -> str:
    """+, - or ~."""
    return "+" if change.before is None else "-" if change.after is None else "~"


def values(
    changes: Sequence[PriceChange], *, kind: str, file: str, is_written: bool, skipped: Sequence[str]
) -> str:
    """One JSON object. Amounts: USD per GPU-hour for GPUs; input, output, cached per million for APIs."""
    found: dict[str, Any] = {"schema": SCHEMA, "kind": kind, "file": file, "written": is_written}
    found["changes"] = [
        {
            "change": {"+": "added", "-": "removed", "~": "changed"}[sign(change)],
            "key": list(change.key),
            **({} if change.before is None else {"usd_before": list(map(json_number, change.before))}),
            **({} if change.after is None else {"usd_now": list(map(json_number, change.after))}),
        }
        for change in changes
    ]
    found["cards_not_in_the_catalogue"] = list(skipped)
    return json.dumps(found, indent=2) + "\n"


def _usd(prices: tuple[Fraction, ...] | None) -> str:
    return "" if prices is None else " / ".join(amount(usd, USD, 3) for usd in prices)


def _by(change: PriceChange) -> str:
    if change.before is None or change.after is None or not change.before[0]:
        return ""
    return percent(change.after[0] / change.before[0] - 1, 1)
