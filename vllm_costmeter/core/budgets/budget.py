"""A budget, from what an operator typed or a file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from vllm_costmeter.core.budgets.periods import zone
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.tenants.names import LONGEST_NAME

Per = Literal["day", "week", "month"]
PERIODS: tuple[Per, ...] = get_args(Per)

LEAST_USD, MOST_USD = 0.01, 1e9
MOST_BUDGETS = 500

_AMOUNT = re.compile(r"\$?\s?([0-9]{1,15}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})")
_ADVERBS = {"daily": "day", "weekly": "week", "monthly": "month"}


@dataclass(frozen=True, slots=True)
class Budget:
    """What one tenant may spend in a period: the active cost of its requests."""

    tenant: str
    """As the ledger has it."""
    usd: float
    per: Per
    timezone: str
    """IANA name of the time zone whose midnight begins a period."""
    since: str
    """When it was set, ISO 8601; the spending of the whole period counts, also from before."""


def amount_usd(text: str) -> float:
    """`50`, `$50`, `12.50`. BadInputError for anything else, and outside a cent to a billion."""
    given = text.strip()
    found = _AMOUNT.fullmatch(given)
    usd = float(found[1]) if found else -1.0
    if not LEAST_USD <= usd <= MOST_USD:
        raise BadInputError(
            f"a budget is an amount in US dollars such as 50 or $12.50, at least {LEAST_USD:g} and at most "
            f"{MOST_USD:,.0f}, got {text!r:.60}"
        )
    return usd


def period_name(text: str) -> Per:
    """BadInputError for what is not a period."""
    folded = text.strip().lower()
    folded = _ADVERBS.get(folded, folded)
    for name in PERIODS:
        if folded in (name, f"{name}s"):
            return name
    raise BadInputError(
        f"--per must be one of {', '.join(PERIODS)}, got {text!r:.60}{nearest(folded, PERIODS)}"
    )


def budget_of(values: Mapping[str, Any]) -> Budget:
    """A budget as a file has it. ValueError, TypeError or KeyError for what `costmeter budget set` did not write."""
    tenant, usd, per, timezone, since = (
        values[name] for name in ("tenant", "usd", "per", "timezone", "since")
    )
    if not all(isinstance(text, str) for text in (tenant, per, timezone, since)):
        raise TypeError("a text is not a text")
    if not tenant or len(tenant) > LONGEST_NAME or not tenant.isprintable():
        raise ValueError(f"{tenant[:LONGEST_NAME]!r} is no tenant's name")
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not LEAST_USD <= usd <= MOST_USD:
        raise ValueError(f"{usd!r:.40} is no amount")
    if per not in PERIODS:
        raise ValueError(f"{per!r:.40} is no period")
    zone(timezone)
    datetime.fromisoformat(since)
    return Budget(tenant, float(usd), per, timezone, since)
