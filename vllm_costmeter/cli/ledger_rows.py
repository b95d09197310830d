"""What the commands read from ledgers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.rows import Extent, ShareRow, UsageRow
from vllm_costmeter.sources.files.ledger_path import default_ledger
from vllm_costmeter.sources.ledger.read import opened_ledger


class Found(NamedTuple):
    """Rows of all ledgers, and what each covers."""

    rows: list[UsageRow]
    shares: list[ShareRow]
    extents: list[Extent]


def read_ledgers(
    paths: Sequence[Path],
    since: datetime,
    until: datetime,
    step_seconds: int | None,
    shares_of: str | None = None,
    *,
    may_be_nothing: bool = False,
) -> Found:
    """What the ledgers have in the range. BadInputError if that is nothing, unless it may be."""
    start, end = since.timestamp(), until.timestamp()
    found = Found([], [], [])
    for path in paths:
        with opened_ledger(path) as ledger:
            extent = ledger.extent(start, end)
            if extent is None:
                continue
            found.extents.append(extent)
            found.rows.extend(ledger.usage(start, end, step_seconds))
            if shares_of is not None:
                found.shares.extend(ledger.shares(shares_of, start, end, step_seconds))
    if not found.extents and not may_be_nothing:
        raise BadInputError(
            f"nothing was spent from {since:%Y-%m-%d %H:%MZ} to {until:%Y-%m-%d %H:%MZ} in "
            f"{', '.join(map(str, paths[:3]))}{' ...' if len(paths) > 3 else ''}"
        )
    return found


def own_ledger(flag: str = "--ledger") -> Path:
    """This user's. BadInputError if there is none."""
    path = default_ledger()
    if not path.exists():
        raise BadInputError(
            f"there is no ledger at {path}: a server with --plugin costmeter begins one; {flag} PATH names another"
        )
    return path
