"""Convert one raw setting (from a flag, a variable, TOML or JSON); ValueError lists what is allowed."""

from __future__ import annotations

import math
from typing import Any, Literal, cast, get_args

from vllm_costmeter.core.errors import nearest
from vllm_costmeter.core.gpu.share import ShareBasis

PreflightMode = Literal["refuse", "warn", "off"]
GpuSourceName = Literal["auto", "nvml", "amdsmi", "dcgm", "none"]


def number(
    raw: object, *, above: float | None = None, least: float | None = None, most: float = 1e9
) -> float:
    """A finite number in range, from a string or a TOML/JSON number; ValueError gives the range."""
    try:
        value = math.nan if isinstance(raw, bool) else float(cast(Any, raw))
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    low_is_wrong = (above is not None and value <= above) or (least is not None and value < least)
    if not math.isfinite(value) or low_is_wrong or value > most:
        low = f"above {above:g}" if above is not None else f"at least {least:g}"
        raise ValueError(f"a number {low} and at most {most:g}")
    return value


def text(raw: object) -> str:
    """Also a name of a file, which may have bytes that are no UTF-8, as Python reads them from a command line."""
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw or not _is_encodable(raw):
        raise ValueError("non-empty text in valid Unicode, without null characters")
    return raw.strip()


def _is_encodable(value: str) -> bool:
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def ledger(raw: object) -> str:
    """A path, or "off" (which YAML and TOML writers may turn into false)."""
    given = "off" if raw is False else text(raw)
    return "off" if given.lower() == "off" else given


def preflight_mode(raw: object) -> PreflightMode:
    # YAML and TOML writers turn a bare `off` into false: accept that reading.
    folded = "off" if raw is False else str(raw).strip().lower()
    if folded not in ("refuse", "warn", "off"):
        raise ValueError(f"one of refuse, warn, off{nearest(folded, ('refuse', 'warn', 'off'), 1)}")
    return cast(PreflightMode, folded)


def gpu_source(raw: object) -> GpuSourceName:
    folded = str(raw).strip().lower()
    known = get_args(GpuSourceName)
    if folded not in known:
        raise ValueError(f"one of {', '.join(known)}{nearest(folded, known, 1)}")
    return cast(GpuSourceName, folded)


def http_url(raw: object) -> str:
    """A whole http(s) address: one without a host would be read as a file or refused much later, and a user or a
    password in it would show in the process list and in logs."""
    given = text(raw)
    scheme, _, rest = given.partition("://")
    if "@" in rest.partition("/")[0]:
        raise ValueError("an address without a user or a password")
    if scheme.lower() not in ("http", "https") or not rest.strip("/") or any(map(str.isspace, given)):
        raise ValueError("an address that begins with http:// or https://")
    return given


def otlp(raw: object) -> str:
    """An address, or "off"."""
    if raw is False or str(raw).strip().lower() == "off":
        return "off"
    try:
        return http_url(raw)
    except ValueError as why:
        raise ValueError(f"off, or {why}") from None


def mig_basis(raw: object) -> ShareBasis:
    folded = str(raw).strip().lower()
    if folded not in ("memory", "compute"):
        raise ValueError(f"memory or compute{nearest(folded, ('memory', 'compute'), 1)}")
    return cast(ShareBasis, folded)


def tariff(raw: object) -> tuple[float, ...]:
    """24 prices in USD per kWh, one per local hour from 00:00, as a list or comma-separated text."""
    items = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(items, (list, tuple)) or len(items) != 24:
        raise ValueError("24 prices in USD per kWh, one for each hour of the day")
    return tuple(number(item, least=0, most=100) for item in items)
