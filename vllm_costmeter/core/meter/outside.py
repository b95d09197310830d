"""What can be said of a meter that sees its server only from outside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.meter.reading import MeterReading, TokenKind
from vllm_costmeter.core.meter.windows import WINDOW_SECONDS

COARSE = 0.01
"""A window whose tokens are known less exactly than this is not published."""


class Outside(NamedTuple):
    """What the server's page tells."""

    tells_cached: bool
    """Whether cached prompt tokens are counted apart."""
    prompt_includes_cached: bool
    """Whether the count of prompt tokens contains them."""
    token_step: float
    """The smallest increase that its counters can show now."""


def token_step(value: float, significant_digits: int | None) -> float:
    """The step of a counter printed with so many digits: 1, or more past 10^digits."""
    if significant_digits is None or value < 10**significant_digits:
        return 1.0
    return float(10 ** (math.floor(math.log10(value)) + 1 - significant_digits))


def seen_from_outside(reading: MeterReading, outside: Outside, elapsed_seconds: float) -> MeterReading:
    """`reading` without what nobody could see: the cost of single requests, the cached part of a prompt, and windows in
    which the counters are too coarse. `elapsed_seconds`: since the meter began.

    Prompt tokens that are not divided are of the kind `prompt`. Where cached ones are not counted at all, there is no
    price of all tokens.
    """
    names = _names(outside)
    coarse = set(_coarse(reading, outside, elapsed_seconds))
    windows = {window for _, window in coarse}
    return replace(
        reading,
        tokens={names[kind]: count for kind, count in reading.tokens.items() if kind in names},
        usd_per_token={
            (per, window): usd
            for (per, window), usd in reading.usd_per_token.items()
            if (("generated", window) not in coarse if per == "generated" else window not in windows)
            and (per != "all" or outside.tells_cached or outside.prompt_includes_cached)
        },
        tokens_per_second={
            (names[kind], window): rate
            for (kind, window), rate in reading.tokens_per_second.items()
            if kind in names and (kind, window) not in coarse
        },
        request_usd=None,
        request_joules=None,
        unattributed_usd=None,
        unattributed_joules=None,
    )


def _names(outside: Outside) -> Mapping[TokenKind, TokenKind]:
    """What each published kind of the meter is called."""
    if outside.tells_cached:
        return {
            "prompt_computed": "prompt_computed",
            "prompt_cached": "prompt_cached",
            "generated": "generated",
        }
    prompt: TokenKind = "prompt" if outside.prompt_includes_cached else "prompt_computed"
    return {"prompt_computed": prompt, "generated": "generated"}


def _coarse(
    reading: MeterReading, outside: Outside, elapsed_seconds: float
) -> Iterator[tuple[TokenKind, str]]:
    """The kinds and windows whose tokens are known too roughly."""
    if outside.token_step <= 1:
        return
    for (kind, window), rate in reading.tokens_per_second.items():
        seconds = min(WINDOW_SECONDS.get(window, elapsed_seconds), elapsed_seconds)
        if outside.token_step > COARSE * rate * seconds:
            yield kind, window
