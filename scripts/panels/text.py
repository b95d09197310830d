"""Numbers as Grafana writes them: dollars, bytes, per cent, seconds, watts."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.ticker import FuncFormatter, MultipleLocator

BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
SHORT = ("", " K", " Mil", " Bil")


def shown(value: float, unit: str) -> str:
    """One value in a Grafana unit, with about three digits that count."""
    if not math.isfinite(value):
        return str(value)
    match unit:
        case "currencyUSD":
            return f"${_digits(value)}"
        case "percentunit":
            return f"{_digits(value * 100)}%"
        case "bytes":
            return _scaled(value, 1024, BYTES, " ")
        case "suffix: times":
            return f"{_digits(value)} times"
        case "watt":
            return f"{_digits(value)} W"
        case "s":
            return f"{_digits(value)} s" if value < 60 else f"{_digits(value / 60)} mins"
        case _:
            return _scaled(value, 1000, SHORT, "")


def axis_format(unit: str) -> FuncFormatter:
    """The same along an axis."""
    return FuncFormatter(lambda value, _: shown(value, unit))


def binary_ticks(top: float) -> MultipleLocator:
    """About five ticks at powers of two times one."""
    return MultipleLocator(2 ** math.floor(math.log2(max(top, 8) / 4)))


def _scaled(value: float, base: int, names: tuple[str, ...], space: str) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{_digits(value)}{space}{names[power]}"


def _digits(value: Any) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.2e}"
