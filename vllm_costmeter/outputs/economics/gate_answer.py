"""The verdict of a cost gate, as a table with one row per load and as JSON values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.economics.gate import MOST_RUNS_SUGGESTED, GateVerdict
from vllm_costmeter.core.economics.load_comparison import (
    LENGTHS_DIFFER_SHARE,
    MOST_FAILED_SHARE,
    LoadComparison,
    Side,
    Terms,
)
from vllm_costmeter.core.pricing.currency import USD
from vllm_costmeter.outputs.economics.answer import Section, amount, percent

SCHEMA = "costmeter.gate/1"
METHOD = "Welch's t test of the logarithms, one-sided"


def section(
    found: Sequence[LoadComparison], verdict: GateVerdict, terms: Terms, notes: Sequence[str] = ()
) -> Section:
    """A row per load, and what a reader must know."""
    kind = "generated tokens/s" if terms.per == "generated" else "tokens/s"
    price = ("USD/M",) if _is_priced(found) else ()
    change = ("change",) if found[0].baseline else ()
    titles = ("load", "side", "runs", kind, "noise", *price, *change, "at least", "at most", "verdict")
    rows = [row for each in found for row in _rows(each)]
    return Section(message(found, verdict, terms), titles, rows, (*_notes(found, terms), *notes))


def message(found: Sequence[LoadComparison], verdict: GateVerdict, terms: Terms) -> str:
    """ "past the limit of +3 % (99 % confidence): cost per million generated tokens +5.2 %"."""
    tokens = "generated tokens" if terms.per == "generated" else "tokens"
    sure = f"{percent(terms.confidence, _digits(terms.confidence))} confidence"
    telling = [each for each in found if each.verdict == verdict] or list(found)
    worst = max(telling, key=lambda each: each.change.estimate)
    shown = (
        _change(worst.change.estimate)
        if worst.baseline
        else f"{_usd(worst.current.usd_per_million_tokens)} USD"
    )
    where = f", {worst.load}" if len(found) > 1 else ""
    words = {"within": "within", "past": "past", "undecided": "undecided whether within"}[verdict]
    return f"{words} the limit of {_limit(terms)} ({sure}): cost per million {tokens} {shown}{where}"


def values(found: Sequence[LoadComparison], verdict: GateVerdict, terms: Terms) -> dict[str, Any]:
    """Shares are ratios (0.03 is 3 %); what is not known is absent."""
    limit = terms.limit
    return {
        "verdict": verdict,
        "message": message(found, verdict, terms),
        "limit": {"change_ratio": limit.change}
        if limit.change is not None
        else {"usd_per_million_tokens": limit.usd_per_million},
        "confidence": terms.confidence,
        "method": METHOD,
        "per": terms.per,
        "loads": [_load_values(each) for each in found],
    }


def _load_values(each: LoadComparison) -> dict[str, Any]:
    sides = {"current": each.current} | ({"baseline": each.baseline} if each.baseline else {})
    found: dict[str, Any] = {"load": each.load, "tool": each.current.runs[0].tool, "verdict": each.verdict}
    if each.reason is not None:
        found["reason"] = each.reason
    if each.runs_needed is not None:
        found["runs_needed"] = each.runs_needed
    if each.baseline is not None:
        found["change_ratio"] = math.expm1(each.change.estimate)
    if each.bounds is not None:
        low, high = each.bounds
        name, read = ("change_ratio", math.expm1) if each.baseline else ("usd_per_million_tokens", math.exp)
        found |= {f"{name}_at_least": read(low), f"{name}_at_most": read(high)}
    return found | {name: _side_values(side) for name, side in sides.items()}


def _side_values(side: Side) -> dict[str, Any]:
    found: dict[str, Any] = {"runs": len(side.runs), "tokens_per_second": side.tokens_per_second}
    if side.usd_per_million_tokens is not None:
        found["usd_per_million_tokens"] = Fraction(side.usd_per_million_tokens)
    if side.sample.noise is not None:
        found["noise_ratio"] = side.sample.noise
    models = sorted({run.model for run in side.runs if run.model})
    if models:
        found["models"] = models
    failed = sum(run.failed for run in side.runs)
    return found | {"requests": sum(run.completed for run in side.runs) + failed, "failed_requests": failed}


def _notes(found: Sequence[LoadComparison], terms: Terms) -> list[str]:
    notes = [
        f"{f'{each.load}: ' if len(found) > 1 else ''}{_why(each, terms)}" for each in found if each.reason
    ]
    for each in found:
        if each.baseline is not None:
            before, after = ({run.model for run in side.runs if run.model} for side in each.sides)
            if before and after and before != after:
                notes.append(
                    f"the models differ: {', '.join(sorted(before))} and now {', '.join(sorted(after))}"
                )
        failed = {run.place: run for side in each.sides for run in side.runs if run.failed}
        notes += [
            f"{run.failed} of {run.failed + run.completed} requests failed in {place}"
            for place, run in failed.items()
        ]
    if any(map(_is_lopsided, found)):
        notes.append(
            "one run before and several after: an unquoted pattern behind --baseline is only its first file"
        )
    if terms.known_noise is not None:
        notes.append(f"noise from run to run stated: {percent(terms.known_noise, 1)}")
    return list(dict.fromkeys(notes))


def _why(each: LoadComparison, terms: Terms) -> str:
    if each.reason == "too_few_runs":
        return "one run does not show the noise: give at least 2 on each side, better 5, or state --noise"
    if each.reason == "different_lengths":
        return (
            f"prompts or answers differ in length by more than {percent(LENGTHS_DIFFER_SHARE)} on average: "
            "measure both sides with the same data set"
        )
    if each.reason == "failed_requests":
        return f"more than {percent(MOST_FAILED_SHARE)} of the requests of a run failed: it served a lighter load"
    if each.reason == "load_limited":
        return (
            "the server keeps up with the stated request rate, so that both sides show the load rather than the "
            "server: measure as fast as possible, with a maximum concurrency"
        )
    if each.runs_needed is not None and each.runs_needed > len(each.current.runs):
        return (
            f"too noisy: about {each.runs_needed} runs on each side would decide, if change and noise stay as they "
            "are"
        )
    if each.runs_needed is not None:
        return "too noisy to decide: a few more runs on each side would"
    reach = "the cost is close to the limit or the runs differ much"
    return f"too noisy: {reach}, and {MOST_RUNS_SUGGESTED} runs on each side would not decide; find the noise's cause"


def _is_lopsided(each: LoadComparison) -> bool:
    return each.baseline is not None and len(each.baseline.runs) == 1 < len(each.current.runs)


def _rows(each: LoadComparison) -> list[tuple[str, ...]]:
    """The side before the change, if there is one, and the side after it, with the verdict."""
    before = [_side_cells(each.baseline)] if each.baseline else []
    change = [_change(each.change.estimate)] if each.baseline else []
    blank = ("",) * (len(change) + 3)
    rows = [("baseline", *cells, *blank) for cells in before]
    rows.append(("current", *_side_cells(each.current), *change, *_bounds(each), each.verdict))
    return [(each.load if number == 0 else "", *row) for number, row in enumerate(rows)]


def _side_cells(side: Side) -> tuple[str, ...]:
    price = () if side.usd_per_million_tokens is None else (_usd(side.usd_per_million_tokens),)
    return (str(len(side.runs)), f"{side.tokens_per_second:,.1f}", _noise(side), *price)


def _bounds(each: LoadComparison) -> tuple[str, str]:
    if each.bounds is None:
        return "?", "?"
    low, high = each.bounds
    return (_change(low), _change(high)) if each.baseline else (_usd(math.exp(low)), _usd(math.exp(high)))


def _is_priced(found: Sequence[LoadComparison]) -> bool:
    return found[0].current.usd_per_million_tokens is not None


def _noise(side: Side) -> str:
    return "?" if side.sample.noise is None else percent(side.sample.noise, 1)


def _usd(value: float | None) -> str:
    return "?" if value is None else amount(Fraction(value), USD, 4)


def _change(log: float) -> str:
    """ "+5.2 %" from the logarithm of a ratio."""
    text = percent(math.expm1(log), 1)
    return text if text.startswith("-") else f"+{text}"


def _limit(terms: Terms) -> str:
    if terms.limit.usd_per_million is not None:
        return f"{amount(terms.limit.usd_per_million, USD)} USD"
    change = terms.limit.change or Fraction(0)
    return f"{'+' if change >= 0 else ''}{float(change) * 100:g} %"


def _digits(share: float) -> int:
    return 0 if abs(share * 100 - round(share * 100)) < 1e-9 else 1
