"""The servers once, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.fleet.reading import ServerReading, ServerRow
from vllm_costmeter.core.fleet.totals import Totals, totals_of
from vllm_costmeter.outputs.text.table_layout import terminal_table
from vllm_costmeter.outputs.top.columns import COLUMNS, model_of, printable, state_of

SCHEMA = "costmeter.top/1"


def once_text(rows: Sequence[ServerRow], per: str, window: str) -> str:
    """A table with a line per server and one of totals, and what its numbers are of."""
    titles = ("server", "model", "state", *(column.title for column in COLUMNS))
    totals = totals_of(rows)
    lines = [
        (
            printable(row.server),
            model_of(row),
            state_of(row),
            *("" if row.reading is None else column.text(row.reading) for column in COLUMNS),
        )
        for row in rows
    ]
    lines.append(
        ("total", f"{totals.up} of {totals.servers} up", "", *(column.total(totals) for column in COLUMNS))
    )
    return f"{terminal_table(titles, lines)}\n{legend(per, window)}\n"


def legend(per: str, window: str) -> str:
    """Whose tokens and which time the columns are of."""
    tokens = "all tokens" if per == "all" else "generated tokens"
    return (
        f"tokens/s and $/M: {tokens} over the last {window}. idle (share of the bill), J/token ({tokens}, idle time "
        "included)\nand total $: since each server's start."
    )


def once_json(rows: Sequence[ServerRow], per: str, window: str) -> str:
    """One object; what is not known is null."""
    document = {
        "schema": SCHEMA,
        "per": per,
        "window": window,
        "servers": [_server(row) for row in rows],
        "totals": _totals(totals_of(rows)),
    }
    return json.dumps(document, indent=2) + "\n"


def _server(row: ServerRow) -> dict[str, Any]:
    reading = row.reading or ServerReading()
    return {
        "server": row.server,
        "state": row.state,
        "fault": row.fault,
        "model_names": list(reading.model_names),
        "engines": reading.engines,
        "active_engines": reading.active_engines,
        "tokens_per_second": reading.tokens_per_second,
        "usd_per_hour": reading.usd_per_hour,
        "usd_per_million_tokens": reading.usd_per_million,
        "kv_cache_usage_ratio": reading.kv_cache_usage_ratio,
        "idle_share": reading.idle_share,
        "joules_per_token": reading.joules_per_token,
        "total_usd": reading.total_usd,
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "servers": totals.servers,
        "up": totals.up,
        "tokens_per_second": totals.tokens_per_second,
        "usd_per_hour": totals.usd_per_hour,
        "usd_per_million_tokens": totals.usd_per_million,
        "idle_share": totals.idle_share,
        "joules_per_token": totals.joules_per_token,
        "total_usd": totals.total_usd,
    }
