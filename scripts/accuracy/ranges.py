"""How often a logged pool lies in the printed range, and how wide the ranges are, by set of starts."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scripts.accuracy.logged_start import LoggedStart
from scripts.accuracy.wild import WildStart

GOAL = 0.95
BEFORE: Mapping[str, tuple[str, float]] = {
    "boots": ("34 of 36", 0.81),
    "posted": ("24 of 25", 4.69),
    "wild": ("13 of 14", 1.73),
}
"""(inside, mean width in GiB) before the rules of 2026-11-28: the second runner by release, MLA's prefill context,
gated delta nets, graphs by their number, ROCm."""


class Ranges(NamedTuple):
    """The comparable starts of one set."""

    name: str
    inside: Sequence[bool]
    widths_gib: Sequence[float]

    @property
    def share(self) -> float:
        """Logged pools in their range."""
        return sum(self.inside) / len(self.inside)


def measured(
    boots: Sequence[LoggedStart], cases: Sequence[LoggedStart], wild: Sequence[WildStart]
) -> list[Ranges]:
    """Boots, posted starts that state everything, and starts untried before."""
    found = []
    for name, rows in (("boots", boots), ("posted", cases)):
        counted = [row for row in rows if row.left_out is None]
        known = [
            (row.contained, row.range_gib) for row in counted if row.contained is not None and row.range_gib
        ]
        found.append(Ranges(name, [inside for inside, _ in known], [high - low for _, (low, high) in known]))
    tried = [(each.is_inside, each.pool_gib) for each in wild if each.is_inside is not None and each.pool_gib]
    found.append(Ranges("wild", [inside for inside, _ in tried], [high - low for _, (low, _, high) in tried]))
    return found


def section(
    boots: Sequence[LoggedStart], cases: Sequence[LoggedStart], wild: Sequence[WildStart]
) -> list[str]:
    """This section's lines in docs/accuracy.md."""
    return [
        "## Ranges",
        "",
        f"Logged pools in the printed range (goal: {GOAL:.0%}), and the mean width of the ranges in GiB. Pools set by",
        "a flag have no range. GPUs with unified memory and vLLM before 0.15 make the posted starts' ranges wide.",
        "",
        "| starts | inside | share | mean width | inside before | mean width before |",
        "|---|---|---|---|---|---|",
        *(
            f"| {each.name} | {sum(each.inside)} of {len(each.inside)} | {each.share:.0%} | "
            f"{statistics.mean(each.widths_gib):.2f} | {BEFORE[each.name][0]} | {BEFORE[each.name][1]:.2f} |"
            for each in measured(boots, cases, wild)
        ),
        "",
    ]
