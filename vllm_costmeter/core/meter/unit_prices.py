"""Dollars per token, by definition, over a window."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.meter.reading import TokenKind, UnitPriceBasis
from vllm_costmeter.core.meter.windows import TOTAL, WINDOW_SECONDS, Cumulative

WINDOWS: tuple[str, ...] = (*WINDOW_SECONDS, TOTAL)


def unit_prices(added: Cumulative, split_known: bool) -> dict[UnitPriceBasis, float]:
    """USD per token of one window; a basis without tokens in the window is missing.

    all: the whole bill (active, idle and asleep) / all tokens. generated: the whole bill / generated tokens, the
    figure that is usually published. prefill: prefill's share of active cost / computed prompt tokens. decode: decode's
    share / generated tokens.
    """
    prompt = added.prompt_computed_tokens + added.prompt_cached_tokens
    terms: list[tuple[UnitPriceBasis, float, int]] = [
        ("all", added.usd, prompt + added.generated_tokens),
        ("generated", added.usd, added.generated_tokens),
    ]
    if split_known and added.prefill_usd > 0:
        terms.append(("prefill", added.prefill_usd, added.prompt_computed_tokens))
    if split_known and added.decode_usd > 0:  # a window of one-token answers decoded nothing: no price, not 0
        terms.append(("decode", added.decode_usd, added.generated_tokens))
    return {basis: usd / tokens for basis, usd, tokens in terms if tokens > 0}


def floor_unit_prices(added: Cumulative) -> dict[UnitPriceBasis, float]:
    """USD per token (all, generated) if the window's work had run at 100 % of the limiting resource without idle time;
    empty if no floor is known or no tokens were generated.

    A step can compute prompts while it reads weights for decode, so one resource limits all of the window's work: no
    server can be below it.
    """
    usd = max(added.floor_compute_usd, added.floor_memory_usd)
    return unit_prices(added._replace(usd=usd), split_known=False) if usd > 0 else {}


def token_rates(windows: Mapping[str, Cumulative]) -> dict[tuple[TokenKind, str], float]:
    """Tokens per second by kind and window; a window of zero length is missing."""
    rates: dict[tuple[TokenKind, str], float] = {}
    for name, added in windows.items():
        if added.seconds > 0:
            rates["prompt_computed", name] = added.prompt_computed_tokens / added.seconds
            rates["prompt_cached", name] = added.prompt_cached_tokens / added.seconds
            rates["generated", name] = added.generated_tokens / added.seconds
    return rates


def computed_token_usd(windows: Mapping[str, Cumulative]) -> float | None:
    """The running price in USD of a computed prompt token: prefill's active cost over the shortest window with such
    tokens; None before the first, or while prefill has cost nothing."""
    for name in WINDOWS:
        added = windows[name]
        if added.prompt_computed_tokens > 0 and added.prefill_usd > 0:
            return added.prefill_usd / added.prompt_computed_tokens
    return None
