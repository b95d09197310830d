"""A whole number in a text that anybody may have written."""

from __future__ import annotations

MOST_DIGITS = 18
"""Any such number fits 64 bits; Python itself refuses to read more than 4,300 digits."""


def whole_number(text: str) -> int | None:
    """The number that these ASCII digits are; None for any other text, for signs, and for a longer one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None
