"""Values of `costmeter recommend` as people write them: 20/s, 1s@p95, 2000/month."""

from __future__ import annotations

import re
from fractions import Fraction

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.money import above_zero
from vllm_costmeter.core.serving.goals import Goal

_PER = {
    "": 1,
    "s": 1,
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "day": 86400,
    "d": 86400,
}
_RATE = re.compile(r"([-+]?[\d.,_]+)\s*([kKmM]?)\s*(?:/\s*([a-z]*))?")
_GOAL = re.compile(r"([\d.]+)\s*(ms|s)(?:@(p[\d.]+|mean|avg))?")
LARGEST_SECONDS = 3600.0


def per_second(text: str) -> float:
    """ "20/s", "1200/min", "1.7M/day", or requests per second. BadInputError for 0 and less."""
    found = _RATE.fullmatch(text.strip())
    if found is None or (found[3] or "") not in _PER:
        raise BadInputError(f"--rate must be like 20/s, 1200/min or 1.7M/day, got {text!r:.40}")
    scale = {"": 1, "k": 1_000, "m": 1_000_000}[found[2].casefold()]
    number = above_zero(found[1].replace(",", "").replace("_", ""), "--rate") * scale
    return float(number / _PER[found[3] or ""])


def goal(text: str, flag: str) -> Goal:
    """ "1s@p95", "800ms", "50ms@mean"; without a share the 95th percentile."""
    found = _GOAL.fullmatch(text.strip().casefold())
    if found is None or found[1].count(".") > 1 or found[1] == ".":
        raise BadInputError(f"{flag} must be like 1s@p95, 800ms or 50ms@mean, got {text!r:.40}")
    seconds = float(found[1]) * (1e-3 if found[2] == "ms" else 1.0)
    if not 0 < seconds <= LARGEST_SECONDS:
        raise BadInputError(f"{flag} must be above 0 and at most {LARGEST_SECONDS:g} s, got {text!r:.40}")
    if found[3] in ("mean", "avg"):
        return Goal(seconds, None)
    share = 0.95 if found[3] is None else _share(found[3][1:], flag, text)
    return Goal(seconds, share)


def _share(text: str, flag: str, whole: str) -> float:
    try:
        share = float(text) / 100
    except ValueError:
        share = 0.0
    if not 0.5 <= share <= 0.999:
        raise BadInputError(f"{flag}: the percentile must be from p50 to p99.9, got {whole!r:.40}")
    return share


def budget(text: str) -> Fraction:
    """ "2000/month" or 2000: USD per month."""
    amount, slash, unit = text.strip().removeprefix("$").partition("/")
    if slash and unit.strip() not in ("month", "mo"):
        raise BadInputError(f"--budget is per month, as in 2000/month, got {text!r:.40}")
    return above_zero(amount.strip().replace(",", "").replace("_", ""), "--budget")
