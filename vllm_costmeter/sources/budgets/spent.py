"""What tenants spent in the periods of their budgets: from ledgers, or from a Prometheus."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.core.budgets.periods import Period
from vllm_costmeter.core.budgets.state import RATE_SECONDS, Spent
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.schema import APPLICATION_ID, SQLITE_HEADER
from vllm_costmeter.sources.ledger.read import opened_ledger
from vllm_costmeter.sources.servers.prometheus import query

MOST_LEDGERS = 200
TENANT_COST = "costmeter_tenant_cost_usd_total"


def ledgers_beside(ledger: Path) -> list[Path]:
    """All ledgers in its folder whose names end as its own does, each once: budgets hold for all of them. BadInputError
    past the most that are read."""
    try:
        paths = sorted(path for path in ledger.parent.iterdir() if path.suffix == ledger.suffix)
        by_file = {(path.stat().st_dev, path.stat().st_ino): path for path in paths if _is_ledger(path)}
        found = sorted(by_file.values())
    except OSError as error:
        raise BadInputError(f"{ledger.parent}: cannot be read: {error.strerror or error}") from None
    if len(found) > MOST_LEDGERS:
        raise BadInputError(
            f"{ledger.parent} has more than {MOST_LEDGERS} ledgers: their sum would take too long"
        )
    return found


def _is_ledger(path: Path) -> bool:
    """By its header, which a new ledger may still have in its write-ahead log only."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError:
        return False
    if not header.startswith(SQLITE_HEADER):
        return False
    application = int.from_bytes(header[68:72])
    if application == 0 and path.with_name(f"{path.name}-wal").exists():
        return _says_so(path)
    return application == APPLICATION_ID


def _says_so(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error:
        return False
    return bool(application == APPLICATION_ID)


def spent_in_ledgers(
    ledgers: Iterable[Path], wanted: Mapping[Budget, Period], unix_seconds: float
) -> dict[str, Spent]:
    """By tenant, over all of them. BadInputError if one cannot be read: a sum without it would be too low."""
    in_period = _by_start((period.start, budget.tenant) for budget, period in wanted.items())
    recently = _by_start((unix_seconds - RATE_SECONDS[budget.per], budget.tenant) for budget in wanted)
    sums: tuple[defaultdict[str, float], ...] = (defaultdict(float), defaultdict(float))
    for path in ledgers:
        with opened_ledger(path) as ledger:
            for into, asked in zip(sums, (in_period, recently), strict=True):
                for since, tenants in asked.items():
                    for tenant, usd in ledger.share_usd("tenant", tenants, since).items():
                        into[tenant] += usd
    return {budget.tenant: Spent(*(each[budget.tenant] for each in sums)) for budget in wanted}


def spent_in_prometheus(
    url: str, wanted: Mapping[Budget, Period], unix_seconds: float, label: Callable[[str], str]
) -> dict[str, Spent]:
    """By tenant, over all servers that this Prometheus scrapes: `increase()` of the tenants' counters. `label` gives a
    tenant's name as the servers publish it. BadInputError for any other response."""
    ranges: dict[int, dict[str, float]] = {}
    longest = 0
    spent = {}
    for budget, period in wanted.items():
        amounts = []
        for seconds in (max(1, math.ceil(unix_seconds - period.start)), RATE_SECONDS[budget.per]):
            if seconds not in ranges:
                rows = query(url, f"sum by (tenant) (increase({TENANT_COST}[{seconds}s]))")
                ranges[seconds] = {labels.get("tenant", ""): usd for labels, usd in rows}
            amounts.append(ranges[seconds].get(label(budget.tenant), 0.0))
            longest = max(longest, seconds)
        spent[budget.tenant] = Spent(*amounts)
    if longest and not any(ranges.values()):
        raise BadInputError(
            f"{url} has no {TENANT_COST} of the last {longest:,} seconds: no server that it scrapes tells tenants "
            "apart, or none has had a request yet"
        )
    return spent


def tenants_in_ledgers(ledgers: Iterable[Path]) -> set[str]:
    """Names of all tenants that any of them has anything of."""
    names: set[str] = set()
    for path in ledgers:
        with opened_ledger(path) as ledger:
            names |= ledger.share_names("tenant")
    return names


def _by_start(pairs: Iterable[tuple[float, str]]) -> dict[float, list[str]]:
    found: defaultdict[float, list[str]] = defaultdict(list)
    for since, tenant in pairs:
        found[since].append(tenant)
    return dict(found)
