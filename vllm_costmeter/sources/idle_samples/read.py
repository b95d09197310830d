"""Minutes of servers from a CSV file: `start,active_seconds,requests,usd`, and where known `generated_tokens`, `model`,
`server`, `gpu`, `gpus`."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime

from vllm_costmeter.core.economics.idle.timeline import Replica, Step
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.rows import MINUTE
from vllm_costmeter.sources.files.csv_fault import csv_or_fault
from vllm_costmeter.sources.files.fetch import fetch_text

NEEDED = ("start", "active_seconds", "requests", "usd")


def read_samples(place: str) -> list[Replica]:
    """One for each model and server. BadInputError, with the line, for anything that is not such a file."""
    with csv_or_fault(place):
        return _replicas(fetch_text(place, "text/csv"), place)


def _replicas(text: str, place: str) -> list[Replica]:
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise BadInputError(
            f"{place} has no column {', '.join(missing)}: give {','.join(NEEDED)}, one row for each minute a server ran"
        )
    found: dict[tuple[str, str, str, int], dict[int, Step]] = {}
    for line, row in enumerate(reader, start=2):
        try:
            minute = _unix(row["start"] or "") // MINUTE * MINUTE
            active, requests, usd, generated = (
                _amount(row.get(name) or "0")
                for name in ("active_seconds", "requests", "usd", "generated_tokens")
            )
            gpus = int(row.get("gpus") or 1)
        except (ValueError, TypeError) as why:
            raise BadInputError(f"{place}, line {line}: {why}") from None
        if active > MINUTE:
            raise BadInputError(f"{place}, line {line}: active_seconds is {active:g}, and a minute has 60")
        key = (row.get("model") or "model", row.get("server") or "server", row.get("gpu") or "", gpus)
        steps = found.setdefault(key, {})
        if minute in steps:
            raise BadInputError(f"{place}, line {line}: that server has this minute twice")
        steps[minute] = Step(active, requests, usd, generated)
    if not found:
        raise BadInputError(f"{place} has no rows")
    return [Replica(*key, steps) for key, steps in sorted(found.items())]


def _unix(text: str) -> int:
    try:
        return int(float(text))
    except OverflowError:
        raise ValueError(f"start must be a time, got {text[:40]!r}") from None
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"start must be a time such as 2026-11-28T14:05Z or Unix seconds, got {text[:40]!r}"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _amount(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"must be a number of at least 0, got {text[:40]!r}")
    return value
