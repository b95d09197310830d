"""The columns of the table: their titles, keys to sort by, and texts."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.fleet.reading import ServerReading, ServerRow
from vllm_costmeter.core.fleet.totals import Totals

UNKNOWN = "-"
THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Column:
    """One number of every server, and of all together."""

    title: str
    key: str
    """To sort by; one of core/fleet/order.py's."""
    text: Callable[[ServerReading], str]
    total: Callable[[Totals], str]
    width: int
    """Characters that it takes on a screen."""


def dollars(value: float | None) -> str:
    """In cents, or below ten of them with three digits that count."""
    if value is None:
        return UNKNOWN
    return f"{value:,.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"


def number(value: float | None) -> str:
    """With three digits that count, in thousands or millions."""
    if value is None:
        return UNKNOWN
    for size, letter in THOUSANDS:
        if abs(value) >= size:
            return (
                f"{value / size:.3g}{letter}" if abs(value) < 999.5 * size else f"{value / size:.0f}{letter}"
            )
    return f"{value:.3g}" if abs(value) < 99.95 else f"{value:.0f}"


def percent(value: float | None) -> str:
    """A share."""
    return UNKNOWN if value is None else f"{value * 100:.0f} %"


NOTHING: Callable[[Totals], str] = lambda totals: ""  # noqa: E731 (a column that has no total)
COLUMNS = (
    Column(
        "tokens/s", "tokens", lambda r: number(r.tokens_per_second), lambda t: number(t.tokens_per_second), 9
    ),
    Column("$/h", "usd-per-hour", lambda r: dollars(r.usd_per_hour), lambda t: dollars(t.usd_per_hour), 9),
    Column(
        "$/M",
        "usd-per-million",
        lambda r: dollars(r.usd_per_million),
        lambda t: dollars(t.usd_per_million),
        9,
    ),
    Column("KV", "kv", lambda r: percent(r.kv_cache_usage_ratio), NOTHING, 6),
    Column("idle", "idle", lambda r: percent(r.idle_share), lambda t: percent(t.idle_share), 6),
    Column(
        "J/token", "joules", lambda r: number(r.joules_per_token), lambda t: number(t.joules_per_token), 8
    ),
    Column("total $", "total", lambda r: dollars(r.total_usd), lambda t: dollars(t.total_usd), 11),
)


def state_of(row: ServerRow) -> str:
    """The state in a word; with several replicas, how many of them run a request."""
    reading = row.reading
    if reading is None or reading.engines is None or reading.engines < 2 or row.state != "active":
        return row.state
    return f"{row.state} {reading.active_engines}/{reading.engines}"


def model_of(row: ServerRow) -> str:
    """The model; the reason instead where there is no page."""
    if row.reading is None:
        return printable((row.fault or "").removeprefix(f"{row.server}: "))
    return printable(", ".join(row.reading.model_names))


def printable(text: str) -> str:
    """Without anything that moves the cursor or rings: names come from servers."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
