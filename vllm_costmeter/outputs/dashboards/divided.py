"""Ratios, both sides of which are of the same servers.

A server without a price has tokens and no dollars, one whose driver tells no energy has tokens and no joules: they
would make the others look cheap. And metrics without a model's label are of all servers, whatever model is chosen.
"""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.outputs.dashboards.promql import SAME_MODEL, SAME_SERVER, series, summed
from vllm_costmeter.outputs.dashboards.shared import (
    COST,
    ENERGY,
    GPU_SECONDS,
    PHASE_COST,
    PHASE_ENERGY,
    TOKENS,
)

PER_MILLION = 1_000_000
PROMPT = "=~prompt_computed|prompt"
"""The prompt tokens that a server computed; `prompt` where the engine does not tell cached ones apart."""
PHASES = {"prefill": PROMPT, "decode": "generated"}
"""The kinds of token that each phase makes."""

Counted = Callable[..., str]
"""`rate` or `increase`: the growth of each series of a counter."""


def usd_per_million(usd: str, tokens: str) -> str:
    """Dollars per million tokens. Without tokens there is no value: a division by zero is not a price."""
    return f"{PER_MILLION} * {usd} / ({tokens} > 0)"


def priced(counted: Counted, metric: str, **matchers: str) -> str:
    """A counter's growth on servers that have a price. (A charged component has all states: one is enough.)"""
    return f"{counted(metric, **matchers)} and {SAME_MODEL} {counted(COST, state='active')}"


def whole_bill_per_million(counted: Counted, by: tuple[str, ...] = (), **tokens: str) -> str:
    """$/M on the whole bill, of the tokens of these kinds or of all."""
    return usd_per_million(summed(counted(COST), by), summed(priced(counted, TOKENS, **tokens), by))


def phase_per_million(counted: Counted, phase: str) -> str:
    """$/M on the active cost of a phase, which is known where the model's shape is."""
    return usd_per_million(
        summed(counted(PHASE_COST, phase=phase)), _phase_tokens(counted, PHASE_COST, phase)
    )


def phase_joules_per_token(counted: Counted, phase: str) -> str:
    """Joules of active time by phase, for each of its tokens."""
    tokens = _phase_tokens(counted, PHASE_ENERGY, phase)
    return f"{summed(counted(PHASE_ENERGY, phase=phase))} / ({tokens} > 0)"


def _phase_tokens(counted: Counted, having: str, phase: str) -> str:
    tokens = counted(TOKENS, kind=PHASES[phase])
    return summed(f"{tokens} and {SAME_MODEL} {counted(having, phase=phase)}")


def joules(counted: Counted) -> str:
    """The whole energy of the GPUs of the chosen model's servers."""
    return of_the_model(counted(ENERGY), counted)


def measured_tokens(counted: Counted) -> str:
    """The tokens generated on those GPUs."""
    tokens = counted(TOKENS, kind="generated")
    return of_the_model(f"{tokens} and {SAME_SERVER} {counted(ENERGY)}", counted)


def of_the_model(expression: str, counted: Counted = series) -> str:
    """Metrics without a model's label, less those of servers of models that are not chosen: nothing to look up for All.

    A server that never came to serve has errors and no model: it stays. `counted`: over the window of `expression`, so
    that servers that are gone are known by what they served.
    """
    others = counted(GPU_SECONDS, state="active", model_name="!~$model")
    return f"{expression} unless {SAME_SERVER} {others}"
