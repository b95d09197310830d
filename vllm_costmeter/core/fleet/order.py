"""Which servers are shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from vllm_costmeter.core.fleet.reading import ServerReading, ServerRow

ORDER = "given"

NUMBERS: Mapping[str, Callable[[ServerReading], float | None]] = {
    "tokens": lambda reading: reading.tokens_per_second,
    "usd-per-hour": lambda reading: reading.usd_per_hour,
    "usd-per-million": lambda reading: reading.usd_per_million,
    "kv": lambda reading: reading.kv_cache_usage_ratio,
    "idle": lambda reading: reading.idle_share,
    "joules": lambda reading: reading.joules_per_token,
    "total": lambda reading: reading.total_usd,
}
TEXTS: Mapping[str, Callable[[ServerRow], str]] = {
    "server": lambda row: row.server,
    "model": lambda row: ", ".join(row.reading.model_names) if row.reading else "",
    "state": lambda row: row.state,
}
KEYS = (ORDER, *TEXTS, *NUMBERS)


def ordered(rows: Iterable[ServerRow], key: str, backwards: bool = False) -> list[ServerRow]:
    """By one of `KEYS`: the largest numbers first, texts from A on, or as given; `backwards` turns that round. What is
    not known comes last either way."""
    if key == ORDER:
        return list(rows)[:: -1 if backwards else 1]
    if key in TEXTS:
        return sorted(rows, key=TEXTS[key], reverse=backwards)
    known, unknown = [], []
    for row in rows:
        value = None if row.reading is None else NUMBERS[key](row.reading)
        if value is None:
            unknown.append(row)
        else:
            known.append((value, row))
    known.sort(key=lambda each: each[0], reverse=not backwards)
    return [*(row for _, row in known), *unknown]


def matching(rows: Iterable[ServerRow], text: str) -> list[ServerRow]:
    """Those whose server, model or state contains the text, in any case."""
    wanted = text.lower()
    return [row for row in rows if any(wanted in value(row).lower() for value in TEXTS.values())]
