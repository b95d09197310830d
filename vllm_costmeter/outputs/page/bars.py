"""Bars by time, stacked, as SVG inside a document: no program, no style of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape

from vllm_costmeter.outputs.report.answer import Report
from vllm_costmeter.outputs.report.plot import stacks

COLOURS = (
    "#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0",
)  # fmt: skip
"""Observable 10 (https://observablehq.com/@d3/color-schemes, read 2026-11); told apart on light and dark."""
WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 1130, 260, 70, 24, 12
MOST_BAR = 48.0


def stacked_bars(report: Report) -> str:
    """HTML. Lines with the keys (time, name); a bar's title tells its amount."""
    told, named = stacks(report.lines)
    times = every_time(told)
    place = {time: at for at, time in enumerate(times)}
    highest = max((sum(amounts) for amounts in zip(*named.values(), strict=True)), default=0.0)
    if not highest:
        return "<p>Nothing has a price.</p>"
    step = (WIDTH - LEFT) / len(times)
    scale = (HEIGHT - BELOW - ABOVE) / highest
    width = min(MOST_BAR, max(1.0, 0.8 * step))
    bars = []
    for number, time in enumerate(told):
        at, top = place[time], float(HEIGHT - BELOW)
        for colour, (name, usd) in zip(COLOURS, named.items(), strict=False):
            height = usd[number] * scale
            top -= height
            if height > 0:
                title = escape(f"{time}, {name}: ${usd[number]:,.4f}")
                bars.append(
                    f'<rect x="{LEFT + at * step + (step - width) / 2:.2f}" y="{top:.2f}" width="{width:.2f}" '
                    f'height="{height:.2f}" fill="{colour}"><title>{title}</title></rect>'
                )
    every = max(1, -(-len(times) // 12))
    labels = [
        f'<text x="{LEFT + (at + 0.5) * step:.2f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(_short(time))}</text>'
        for at, time in enumerate(times)
        if at % every == 0
    ]
    axis = [
        f'<text x="{LEFT - 8}" y="{HEIGHT - BELOW - part * highest * scale + 4:.2f}" text-anchor="end">'
        f"{_dollars(part * highest)}</text>"
        for part in (0.0, 0.5, 1.0)
    ]
    label = escape(f"Dollars by {report.by[0]}, stacked by {report.by[1]}")
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join((*axis, *labels, *bars))}</svg>{_legend(named)}</figure>"
    )


def every_time(told: Sequence[str]) -> list[str]:
    """Hours or days from the first to the last, so that one in which nothing was spent is a gap, not left out."""
    if not told or len(told) == 1:
        return list(told)
    form = "%Y-%m-%dT%H:%MZ" if "T" in told[0] else "%Y-%m-%d"
    step = timedelta(hours=1) if "T" in told[0] else timedelta(days=1)
    first, last = (datetime.strptime(time, form) for time in (told[0], told[-1]))
    return [f"{first + step * number:{form}}" for number in range((last - first) // step + 1)]


def _legend(named: Mapping[str, Sequence[float]]) -> str:
    keys = [
        f'<svg viewBox="0 0 {WIDTH} 18"><rect x="{LEFT}" y="3" width="12" height="12" fill="{colour}"/>'
        f'<text x="{LEFT + 20}" y="14">{escape(name)}</text></svg>'
        for colour, name in zip(COLOURS, named, strict=False)
    ]
    return f"<figcaption>{''.join(keys)}</figcaption>"


def _dollars(usd: float) -> str:
    """In cents, or below a dollar with three digits: half of $0.11 is not $0.05."""
    return f"${usd:,.2f}" if usd >= 1 or not usd else f"${usd:.3g}"


def _short(time: str) -> str:
    """2026-11-21T12:00Z without its year; a day as it is."""
    return time[5:16].replace("T", " ") if "T" in time else time
