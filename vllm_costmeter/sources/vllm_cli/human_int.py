"""Parse human-readable numbers: 4k, 1K, 25.6k (`human_readable_int` of vllm/utils/argparse_utils.py)."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError

DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def human_int(text: str) -> int:
    """32k is 32,000, 32K is 32,768, 25.6k is 25,600. ValueError or ArgumentTypeError, as in vLLM."""
    text = text.strip()
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgGtT])", text)
    if match is None:
        return int(text)
    digits, suffix = match.groups()
    if suffix in DECIMAL:
        return int(float(digits) * DECIMAL[suffix])
    if "." in digits:
        raise ArgumentTypeError(
            f"{text} is not a whole number: with {suffix} give one, or write {digits}{suffix.lower()}"
        )
    return int(digits) * BINARY[suffix]


def human_int_or_auto(text: str) -> int:
    """As `human_int`, with -1 for "auto"."""
    return -1 if text.strip().lower() in ("-1", "auto") else human_int(text)


def with_plain_numbers(text: str) -> str:
    """JSON with 4k and 1K expanded outside strings (`_expand_json_human_readable_numbers`)."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    parts[::2] = [
        re.sub(r"\b\d+(?:\.\d+)?[kKmMgGtT]\b", lambda found: str(human_int(found.group())), part)
        for part in parts[::2]
    ]
    return "".join(parts)
