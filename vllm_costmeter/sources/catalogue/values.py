"""Parsers for values of a catalogue file. Each raises ValueError with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isnan
from typing import Any, cast

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import MigProfile, Vendor
from vllm_costmeter.core.memory.byte_range import GIB

LARGEST_FACT = 1e9
"""In the file's units (GiB, GB/s, TFLOPS, W); a larger value is a typo."""

_ANY_YEARS_DATE = r"[1-9]\d{3}(-(0[1-9]|1[0-2])(-(0[1-9]|1\d|2[0-8]))?)?"
"""Dates that can be validated without importing `datetime`."""


def number(value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and isnan(value)):
        raise ValueError("a number")
    if not 0 <= value <= LARGEST_FACT:
        raise ValueError(f"between 0 and {LARGEST_FACT:g}")
    return float(value)


def positive(value: Any) -> float:
    if number(value) == 0:
        raise ValueError("above 0")
    return float(value)


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a string")
    return value


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def whole(value: Any) -> int:
    if not number(value).is_integer():
        raise ValueError("a whole number")
    return int(value)


def capability(value: Any) -> tuple[int, int]:
    from vllm_costmeter.core.whole_number import whole_number

    major, minor = (whole_number(part) for part in f"{value}.".split(".")[:2])
    if major is None or minor is None or str(value).count(".") != 1:
        raise ValueError('like "8.9"')
    return major, minor


def scaled(unit: float) -> Callable[[Any], float]:
    return lambda value: positive(value) * unit


def as_of(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else value
    if isinstance(text, str) and re.fullmatch(_ANY_YEARS_DATE, text):
        return text
    from vllm_costmeter.core.pricing.quote import first_day

    try:
        first_day(text)
    except (ValueError, AttributeError):
        raise ValueError('a date like "2026", "2026-05" or "2026-05-25"') from None
    return cast(str, text)


def names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
        raise ValueError("a list of names")
    return tuple(value)


def vendor(value: Any) -> Vendor:
    if value not in ("nvidia", "amd", "intel"):
        raise ValueError('"nvidia", "amd" or "intel"')
    return cast(Vendor, value)


def mig_profiles(value: Any) -> tuple[MigProfile, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of profiles")
    return tuple(_mig_profile(each) for each in value)


def _mig_profile(row: Any) -> MigProfile:
    try:
        low, high = (round(positive(row[key]) * GIB) for key in ("low_gib", "high_gib"))
        slices = [whole(row[key]) for key in ("compute_slices", "memory_slices", "instances")]
        return MigProfile(text(row["name"]), (low, high), *slices)
    except (TypeError, KeyError, ValueError):
        raise ValueError(
            "profiles with name, low_gib, high_gib, compute_slices, memory_slices and instances"
        ) from None


def read(row: Mapping[str, Any], key: str, where: str, parse: Callable[[Any], Any]) -> Any:
    """The parsed value of a key. BadInputError naming row and key if it is missing or `parse` rejects it."""
    if key not in row:
        raise BadInputError(f"{where}: {key!r} is missing")
    try:
        return parse(row[key])
    except ValueError as fault:
        raise BadInputError(f"{where}: {key} must be {fault}, got {row[key]!r}") from None
