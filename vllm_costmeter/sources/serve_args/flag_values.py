"""Numbers of the command line, as vLLM writes them; every error is one line with what is allowed."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError

from vllm_costmeter.core.engine.flags import LARGEST
from vllm_costmeter.sources.vllm_cli.human_int import human_int


def whole(text: str) -> int:
    """A number above 0: "32k" is 32,000, "32K" is 32,768, "25.6k" is 25,600."""
    try:
        value = human_int(text)
    except (ValueError, OverflowError, ArgumentTypeError):
        raise ArgumentTypeError(f"must be a whole number such as 8192 or 32k, got {text!r:.80}") from None
    if not 1 <= value <= LARGEST:
        limit = "1 or more" if value < 1 else f"at most {LARGEST:,}"
        raise ArgumentTypeError(f"must be {limit}, got {text:.80}")
    return value


def gibibytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ArgumentTypeError(f"must be a number, got {text!r:.80}")
    if not 0 <= value <= 1 << 20:
        raise ArgumentTypeError(f"must be 0 or more GiB, got {text:.80}")
    return value
