"""A dated quote for renting a GPU, and the rule that picks the default."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from vllm_costmeter.core.dataclass import dataclass

DEFAULT_TERM = "on-demand"
STALE_AFTER_DAYS = 90
"""An older price is shown with its age."""


@dataclass(frozen=True, slots=True)
class RentalQuote:
    """What one provider asked for one GPU, in dollars per GPU-hour, at `as_of`."""

    gpu: str
    """The GPU's catalogue name."""
    provider: str
    term: str
    """on-demand, spot, reserved, capacity-block, estimate or index."""
    usd_per_gpu_hour: float
    as_of: str
    """An ISO date as precise as the source is: a year, a month or a day."""
    source: str
    gpus: int | None = None
    """GPUs in the quoted machine; None where the quote does not say."""
    verified: bool = True
    from_user: bool = False
    """True for a row of the user's own catalogue file."""

    def age_days(self, today: date) -> int:
        """Days since the first day that `as_of` can mean: the age at most. Negative for a date to come."""
        return (today - first_day(self.as_of)).days


def first_day(as_of: str) -> date:
    """The first day that "2026", "2026-05" or "2026-05-25" can mean. ValueError for anything else."""
    parts = as_of.split("-")
    if not 1 <= len(parts) <= 3 or [len(part) for part in parts] != [4, 2, 2][: len(parts)]:
        raise ValueError(f"not a year, a month or a day: {as_of!r}")
    year, month, day = (*(int(part) for part in parts), 1, 1)[:3]
    return date(year, month, day)


def with_age(as_of: str, age_days: int) -> str:
    """ "2026-05-25 (181 days old)"; the date alone while it is fresh."""
    return f"{as_of} ({age_days} days old)" if age_days > STALE_AFTER_DAYS else as_of


def choose_default(rows: Iterable[RentalQuote], gpus: int = 1) -> RentalQuote | None:
    """The row that prices a GPU where no price is stated; None where there is none.

    Only verified on-demand rows count. The user's own rows go before the package's; then the newest; then, of the
    same date, one quoted for a machine with `gpus` GPUs; then the cheapest; then the provider's name, so that the
    answer never depends on the file's order.
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
