"""A dated rental quote for a GPU, and the rule that selects the default."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from vllm_costmeter.core.dataclass import dataclass

DEFAULT_TERM = "on-demand"
STALE_AFTER_DAYS = 90
"""Older prices are shown with their age."""


@dataclass(frozen=True, slots=True)
class RentalQuote:
    """One provider's price for one GPU, in dollars per GPU-hour, at `as_of`."""

    gpu: str
    """The GPU's catalogue name."""
    provider: str
    term: str
    """on-demand, spot, reserved, capacity-block, estimate or index."""
    usd_per_gpu_hour: float
    as_of: str
    """An ISO date as precise as the source: a year, a month or a day."""
    source: str
    gpus: int | None = None
    """GPUs in the quoted machine; None if not stated."""
    verified: bool = True
    from_user: bool = False
    """True for a row from the user's catalogue file."""

    def age_days(self, today: date) -> int:
        """Days since the first day that `as_of` can mean: the maximum age, negative for a future date."""
        return (today - first_day(self.as_of)).days


def first_day(as_of: str) -> date:
    """The first day that "2026", "2026-05" or "2026-05-25" can mean. ValueError for anything else."""
    parts = as_of.split("-")
    if not 1 <= len(parts) <= 3 or [len(part) for part in parts] != [4, 2, 2][: len(parts)]:
        raise ValueError(f"not a year, a month or a day: {as_of!r}")
    year, month, day = (*(int(part) for part in parts), 1, 1)[:3]
    return date(year, month, day)


def with_age(as_of: str, age_days: int) -> str:
    """ "2026-05-25 (stale: 181 days old)"; only the date up to `STALE_AFTER_DAYS`."""
    return f"{as_of} (stale: {age_days} days old)" if age_days > STALE_AFTER_DAYS else as_of


def choose_default(rows: Iterable[RentalQuote], gpus: int) -> RentalQuote | None:
    """The default price of a GPU; None if no row qualifies.

    Only verified on-demand rows qualify. Order: the user's rows before the package's, then the newest date,
    then a quote for a machine with `gpus` GPUs, then the cheapest, then the provider's name, so that the
    result never depends on the order of the file.
    """
    usable = [row for row in rows if row.verified and row.term == DEFAULT_TERM]
    return min(
        usable,
        key=lambda row: (
            not row.from_user,
            -first_day(row.as_of).toordinal(),
            gpus > 1 and row.gpus != gpus,
            row.usd_per_gpu_hour,
            row.provider,
        ),
        default=None,
    )
