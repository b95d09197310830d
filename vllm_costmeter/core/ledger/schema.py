"""The ledger's tables. The version is SQLite's `user_version`; `application_id` says that a file is a ledger."""

from __future__ import annotations

from vllm_costmeter.core.ledger.rows import DAY, Series
from vllm_costmeter.core.ledger.usage import COLUMNS, TOKEN_COLUMNS
from vllm_costmeter.core.meter.shares.share import Share

APPLICATION_ID = 0x434D4C31  # "CML1"
VERSION = 3
SERIES_COLUMNS = Series._fields
SHARE_COLUMNS = Share._fields
SQLITE_HEADER = b"SQLite format 3\0"


def _amounts(columns: tuple[str, ...]) -> str:
    whole = (*TOKEN_COLUMNS,)
    return ", ".join(
        f"{name} {'INTEGER' if name in whole else 'REAL'} NOT NULL DEFAULT 0" for name in columns
    )


_SERIES = (
    "(id INTEGER PRIMARY KEY, model_name TEXT NOT NULL, gpu_name TEXT NOT NULL, gpus INTEGER NOT NULL, "
    "basis TEXT NOT NULL, price_source TEXT NOT NULL, price_as_of TEXT NOT NULL, usd_per_hour REAL NOT NULL, "
    "host TEXT NOT NULL, version TEXT NOT NULL, vllm_version TEXT NOT NULL, gpu_share REAL NOT NULL DEFAULT 1, "
    f"UNIQUE ({', '.join(SERIES_COLUMNS)}))"
)

_DAILY = (
    f"CREATE TABLE daily (start INTEGER NOT NULL, series INTEGER NOT NULL REFERENCES series, {_amounts(COLUMNS)}, "
    "PRIMARY KEY (start, series)) WITHOUT ROWID"
)
"""The same amounts as `usage`, by UTC day: a report over a year reads 365 rows of each model, not 13,000."""

_OPERATION = (
    "CREATE TABLE operation (start INTEGER NOT NULL, seconds INTEGER NOT NULL, "
    "series INTEGER NOT NULL REFERENCES series, kind TEXT NOT NULL, level INTEGER NOT NULL, "
    "times INTEGER NOT NULL, duration_seconds REAL NOT NULL, PRIMARY KEY (seconds, start, series, kind, level)) "
    "WITHOUT ROWID"
)
"""How long starts, sleeps and wake-ups took, all of a kind and level together."""

TABLES: tuple[str, ...] = (
    f"CREATE TABLE series {_SERIES}",
    "CREATE TABLE usage (start INTEGER NOT NULL, seconds INTEGER NOT NULL, "
    f"series INTEGER NOT NULL REFERENCES series, {_amounts(COLUMNS)}, "
    "PRIMARY KEY (seconds, start, series)) WITHOUT ROWID",
    _DAILY,
    "CREATE TABLE share (start INTEGER NOT NULL, seconds INTEGER NOT NULL, "
    "series INTEGER NOT NULL REFERENCES series, kind TEXT NOT NULL, name TEXT NOT NULL, "
    f"{_amounts(SHARE_COLUMNS)}, PRIMARY KEY (seconds, start, series, kind, name)) WITHOUT ROWID",
    _OPERATION,
)
"""Of a new file."""

UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        f"CREATE TABLE series_2 {_SERIES}",
        "INSERT INTO series_2 SELECT *, 1 FROM series",
        "DROP TABLE series",
        "ALTER TABLE series_2 RENAME TO series",
        _DAILY,
        f"INSERT INTO daily SELECT start / {DAY} * {DAY} AS day, series, "
        f"{', '.join(f'SUM({name})' for name in COLUMNS)} FROM usage GROUP BY day, series",
    ),
    2: (_OPERATION,),
}
"""Statements that turn a file of a version into one of the next."""


def added(table: str, keys: tuple[str, ...], amounts: tuple[str, ...]) -> str:
    """A statement that adds one row's amounts to those that are there."""
    columns = (*keys, *amounts)
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in amounts)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT DO UPDATE SET {sums}"
    )


USAGE_KEYS = ("start", "seconds", "series")
DAILY_KEYS = ("start", "series")
SHARE_KEYS = (*USAGE_KEYS, "kind", "name")
OPERATION_KEYS, OPERATION_COLUMNS = (*USAGE_KEYS, "kind", "level"), ("times", "duration_seconds")
ADD_USAGE = added("usage", USAGE_KEYS, COLUMNS)
ADD_DAILY = added("daily", DAILY_KEYS, COLUMNS)
ADD_SHARE = added("share", SHARE_KEYS, SHARE_COLUMNS)
ADD_OPERATION = added("operation", OPERATION_KEYS, OPERATION_COLUMNS)


def rolled_up(table: str, keys: tuple[str, ...], amounts: tuple[str, ...]) -> tuple[str, str]:
    """Two statements with the parameters (to, from, before): add the rows of length `from` that end before a time to
    rows of length `to`, and delete them."""
    others = "".join(f", {key}" for key in keys[2:])
    sums = ", ".join(f"SUM({name})" for name in amounts)
    conflict = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in amounts)
    add = (
        f"INSERT INTO {table} (start, seconds{others}, {', '.join(amounts)}) "
        f"SELECT start / :to * :to, :to{others}, {sums} FROM {table} "
        f"WHERE seconds = :from AND start < :before GROUP BY start / :to{others} "
        f"ON CONFLICT DO UPDATE SET {conflict}"
    )
    return add, f"DELETE FROM {table} WHERE seconds = :from AND start < :before"


ROLL_UP_USAGE = rolled_up("usage", USAGE_KEYS, COLUMNS)
ROLL_UP_SHARE = rolled_up("share", SHARE_KEYS, SHARE_COLUMNS)
ROLL_UP_OPERATION = rolled_up("operation", OPERATION_KEYS, OPERATION_COLUMNS)
