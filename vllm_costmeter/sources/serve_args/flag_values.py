"""Values of `vllm serve` flags from text; every error is one line with what is allowed."""

from __future__ import annotations

import json
import math
import re
from argparse import ArgumentTypeError
from typing import Any

from vllm_costmeter.core.engine.args import AUTO_MAX_MODEL_LEN
from vllm_costmeter.core.engine.flags import LARGEST

_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def whole(text: str) -> int:
    """As vLLM's human_readable_int: "32k" is 32,000, "32K" is 32,768, "25.6k" is 25,600."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgGtT]?)", text.strip())
    if match is None:
        raise ArgumentTypeError(f"must be a whole number such as 8192 or 32k, got {text!r}")
    digits, suffix = match.groups()
    if "." in digits and suffix not in _DECIMAL:
        raise ArgumentTypeError(f"must be a whole number such as 8192 or 32k, got {text!r}")
    value = (
        int(float(digits) * _DECIMAL[suffix])
        if "." in digits
        else int(digits) * (_DECIMAL | _BINARY | {"": 1})[suffix]
    )
    if not 1 <= value <= LARGEST:
        limit = "1 or more" if value < 1 else f"at most {LARGEST:,}"
        raise ArgumentTypeError(f"must be {limit}, got {text}")
    return value


def length(text: str) -> int:
    """A context length, or "auto" (-1) for the longest that fits."""
    return AUTO_MAX_MODEL_LEN if text.strip().lower() in ("auto", "-1") else whole(text)


def share(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise ArgumentTypeError(
            f"must be above 0 and at most 1 (0.9 is 90 % of the GPU's memory), got {text}"
        )
    return value


def gibibytes(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1 << 20:
        raise ArgumentTypeError(f"must be 0 or more GiB, got {text}")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ArgumentTypeError(f"must be a number, got {text!r}")
    return value


def json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ArgumentTypeError(f"must be a JSON object, got {text!r}")
    return value
