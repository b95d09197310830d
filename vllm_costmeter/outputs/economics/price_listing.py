"""Rental quotes as text, Markdown and JSON, with their dates, and their age if above 90 days."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

from vllm_costmeter.core.pricing.quote import STALE_AFTER_DAYS, RentalQuote
from vllm_costmeter.outputs.text.csv_rows import csv_text
from vllm_costmeter.outputs.text.table_layout import markdown_table, terminal_table

SCHEMA = "costmeter.prices/1"
_TITLES = ("GPU", "$/GPU-h", "provider", "term", "GPUs", "as of", "age", "use", "source")


def prices_text(rows: Sequence[RentalQuote], defaults: Mapping[str, RentalQuote | None], today: date) -> str:
    """One line per quote."""
    return terminal_table(_TITLES, [_row(row, defaults, today) for row in rows])


def prices_markdown(
    rows: Sequence[RentalQuote], defaults: Mapping[str, RentalQuote | None], today: date
) -> str:
    """One row per quote."""
    return markdown_table(_TITLES, [_row(row, defaults, today) for row in rows])


def prices_json(rows: Sequence[RentalQuote], defaults: Mapping[str, RentalQuote | None], today: date) -> str:
    """Every quote with its age in days; `default` marks the one used for its GPU if no price is given."""
    listed = [
        {
            "gpu": row.gpu,
            "provider": row.provider,
            "term": row.term,
            "usd_per_gpu_hour": row.usd_per_gpu_hour,
            **({} if row.gpus is None else {"gpus": row.gpus}),
            "as_of": row.as_of,
            "age_days": row.age_days(today),
            "stale": row.age_days(today) > STALE_AFTER_DAYS,
            "verified": row.verified,
            "from_user": row.from_user,
            "default": row == defaults.get(row.gpu),
            "source": row.source,
        }
        for row in rows
    ]
    return json.dumps({"schema": SCHEMA, "today": today.isoformat(), "prices": listed}, indent=2) + "\n"


def prices_csv(rows: Sequence[RentalQuote], defaults: Mapping[str, RentalQuote | None], today: date) -> str:
    """The rows of the JSON; nothing without any."""
    return csv_text(prices_json(rows, defaults, today)) if rows else ""


def dollars(usd: float) -> str:
    """Two decimals, more only if the quote has more."""
    return f"{usd:.2f}" if round(usd, 2) == usd else f"{usd:g}"


def age(row: RentalQuote, today: date) -> str:
    """ "181 days, stale" for a quote older than 90 days, else an empty string."""
    days = row.age_days(today)
    return f"{days} days, stale" if days > STALE_AFTER_DAYS else ""


def _row(row: RentalQuote, defaults: Mapping[str, RentalQuote | None], today: date) -> tuple[str, ...]:
    use = "default" if row == defaults.get(row.gpu) else "" if row.verified else "unverified"
    return (
        row.gpu,
        dollars(row.usd_per_gpu_hour),
        row.provider,
        row.term,
        "" if row.gpus is None else str(row.gpus),
        row.as_of,
        age(row, today),
        f"{use}, yours".lstrip(", ") if row.from_user else use,
        row.source,
    )
