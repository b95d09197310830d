"""The suggested changes to print: the most useful first, each with what it gives and costs."""

from __future__ import annotations

from vllm_costmeter.core.fit.result import Fit, Suggestion

MOST_SHOWN = 3


def most_useful(fit: Fit, most: int = MOST_SHOWN) -> tuple[Suggestion, ...]:
    """The first change (a length, or fewer requests), then those that serve the asked context, then the longest.

    The order of `Fit.suggestions`, smallest change first, decides among equals and in the result.
    """
    first, others = fit.suggestions[:1], fit.suggestions[1:]
    ranked = sorted(
        others, key=lambda each: ("max_model_len" in each.change, -_length(each, fit.engine.max_model_len))
    )
    kept = (*first, *ranked[: max(most - len(first), 0)])
    return tuple(each for each in fit.suggestions if each in kept)


def _length(suggestion: Suggestion, asked: int) -> int:
    return min(suggestion.max_model_len_that_fits, asked)


def consequence(suggestion: Suggestion, gpus_now: int) -> str:
    """ "(2 GPUs, up to 131,072 tokens, $3.50/h)": the GPUs only if there are more than now."""
    parts = [f"up to {suggestion.max_model_len_that_fits:,} tokens"]
    if suggestion.gpus > gpus_now:
        parts.insert(0, f"{suggestion.gpus} GPUs")
    if suggestion.usd_per_hour is not None:
        parts.append(f"${suggestion.usd_per_hour:.2f}/h")
    if suggestion.is_price_stale:
        parts.append(f"stale price of {suggestion.price_as_of}")
    return f"({', '.join(parts)})"


def first_change(fit: Fit | None) -> str:
    """The first change in a few words, for a row: "--tensor-parallel-size 2 (2 GPUs)"; empty without one."""
    if fit is None or not fit.suggestions:
        return ""
    first = fit.suggestions[0]
    return first.arguments + (f" ({first.gpus} GPUs)" if first.gpus > fit.engine.world_size else "")
