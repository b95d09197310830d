"""A usage row divided into the charges of a bill, which add up to it exactly."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, NamedTuple

from vllm_costmeter.core.ledger.usage import COMPONENTS, Usage
from vllm_costmeter.core.meter.reading import STATES, State
from vllm_costmeter.core.pricing.ownership import Component

TokenKind = Literal["input", "cached_input", "output"]


class Charge(NamedTuple):
    """One line of a bill: a component of the cost of a state; of active cost also one kind of token, where known."""

    state: State
    component: Component
    token_kind: TokenKind | None
    usd: Decimal
    gpu_hours: Decimal
    """Its part of the charged GPU hours of the state, by cost. Each component has them all, as each is a price per
    hour."""
    tokens: int | None


def charges(usage: Usage, gpu_share: float = 1.0) -> Iterator[Charge]:
    """The charges of a row that has a price; `gpu_share` of each GPU is charged.

    Active cost is divided as prefill and decode are, the same way for every component: prefill is the cost of computed
    prompt tokens, decode that of generated ones. Cached prompt tokens cost nothing to compute, so theirs is a charge
    of 0 that counts them.
    """
    for state in STATES:
        hours = _exact(getattr(usage, f"{state}_gpu_seconds")) * _exact(gpu_share) / 3600
        for component in COMPONENTS:
            usd = _exact(usage.cost_usd(state, component))
            if usd == 0:
                continue
            if state == "active":
                yield from _by_token_kind(usage, component, usd, hours)
            else:
                yield Charge(state, component, None, usd, hours, None)


def _by_token_kind(usage: Usage, component: Component, usd: Decimal, hours: Decimal) -> Iterator[Charge]:
    whole = _exact(usage.usd("active"))
    prefill, decode = _exact(usage.prefill_usd), _exact(usage.decode_usd)
    if prefill + decode <= 0:
        yield Charge("active", component, None, usd, hours, None)
        return
    if abs(whole - prefill - decode) <= Decimal("1e-9") * whole:
        whole = prefill + decode  # no part without a phase: only rounding
    left_usd, left_hours = usd, hours
    kinds: list[tuple[TokenKind, Decimal, int]] = [
        ("input", prefill, usage.prompt_computed_tokens),
        ("output", decode, usage.generated_tokens),
    ]
    for kind, of, tokens in kinds:
        last = kind == "output" and whole == prefill + decode
        part = left_usd if last else _digits(usd * of / whole)
        part_hours = left_hours if last else hours * of / whole
        left_usd, left_hours = left_usd - part, left_hours - part_hours
        if part or tokens:
            yield Charge("active", component, kind, part, part_hours, tokens)
    if usage.prompt_cached_tokens:
        nothing = Decimal(0)
        yield Charge("active", component, "cached_input", nothing, nothing, usage.prompt_cached_tokens)
    if left_usd:
        yield Charge("active", component, None, left_usd, left_hours, None)


def _exact(amount: float) -> Decimal:
    """The shortest decimal number that is this float."""
    return Decimal(repr(float(amount)))


def _digits(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("1e-15"))
