"""A chart of what was spent: bars by day or hour, stacked by one group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vllm_costmeter.core.ledger.line import Line
from vllm_costmeter.outputs.figure import check_name, new_figure, save

MOST = 9
"""Names with a colour of their own, the dearest; the others are one."""
OTHERS = "others"


def stacks(lines: Sequence[Line]) -> tuple[list[str], dict[str, list[float]]]:
    """The times in order, and the dollars of each name at each of them. The lines have the keys (time, name)."""
    times = sorted({line.keys[0] for line in lines})
    totals: dict[str, float] = {}
    for line in lines:
        totals[line.keys[1]] = totals.get(line.keys[1], 0.0) + line.usd
    dearest = sorted((name for name in totals if totals[name]), key=lambda name: -totals[name])
    own = set(dearest[:MOST] if len(dearest) > MOST + 1 else dearest)
    found = {name: [0.0] * len(times) for name in dearest if name in own}
    if len(own) < len(dearest):
        found[OTHERS] = [0.0] * len(times)
    at = {time: place for place, time in enumerate(times)}
    for line in lines:
        if line.usd:
            found[line.keys[1] if line.keys[1] in own else OTHERS][at[line.keys[0]]] += line.usd
    return times, found


def draw_report(lines: Sequence[Line], group: str, file: Path) -> None:
    """Lines with the keys (time, name of `group`). BadInputError for an unsupported format, without matplotlib, or if
    the file cannot be written."""
    check_name(file)
    times, named = stacks(lines)
    figure, (axes,) = new_figure(1, width=max(6.5, min(16.0, 2 + 0.3 * len(times))))
    below = [0.0] * len(times)
    for name, usd in named.items():
        axes.bar(times, usd, bottom=below, label=name)
        below = [one + other for one, other in zip(below, usd, strict=True)]
    axes.set(ylabel="USD", title=f"Cost by {group}")
    axes.set_xticks(range(0, len(times), max(1, len(times) // 16)))
    axes.tick_params(axis="x", labelrotation=60)
    axes.grid(visible=True, axis="y", alpha=0.3)
    if named:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, file)
