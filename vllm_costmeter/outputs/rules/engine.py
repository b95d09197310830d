"""Recording rules that derive dollars and $/M from an engine's own metrics and a price, without any process of ours.

They record the series of the other rules, so the Fleet dashboard shows them. A server costs its price while
Prometheus scrapes it; the state is that of each evaluation, which finds the active share on average.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.outputs.rules.recording import WINDOWS, of_levels, tokens_by_kind, usd_by_state
from vllm_costmeter.outputs.rules.rule import Group, Recording, quoted

BY_MODEL = "sum by (cluster, model_name)"


@dataclass(frozen=True, slots=True)
class EnginePrice:
    """What a server costs."""

    usd_per_gpu_hour: float | None
    """Of servers that no label prices; None: they have no dollars."""
    gpus: int = 1
    """Of each server."""
    label: str = ""
    usd_by_value: tuple[tuple[str, float], ...] = ()
    """Price of one GPU hour by the value of that label."""


class _Names(NamedTuple):
    """The series of one engine, so that the rules of several go together."""

    active: str
    asleep: str
    price: str
    spent: str


def engine_groups(engine: Engine, price: EnginePrice, model_name: str | None = None) -> tuple[Group, ...]:
    """One group for the price and the state of each server, one for each window. `model_name`: for an engine that does
    not tell it."""
    named = () if model_name is None else (("model_name", model_name),)
    names = _Names(
        f"server:costmeter_{engine.key}_active:ratio",
        f"server:costmeter_{engine.key}_asleep:ratio",
        f"server:costmeter_{engine.key}_price_usd:per_second",
        f"cluster_model_name_state:costmeter_{engine.key}_cost_usd:per_second",
    )
    servers = tuple(_of_servers(engine, price, names, named))
    return (
        Group(f"costmeter_{engine.key}_servers", servers),
        *(
            Group(f"costmeter_{engine.key}_{window}", tuple(_of_window(engine, price, names, named, window)))
            for window in WINDOWS
        ),
    )


def _of_servers(
    engine: Engine, price: EnginePrice, names: _Names, named: tuple[tuple[str, str], ...]
) -> Iterator[Recording]:
    """Values of this moment: the active and the asleep share of each server's GPUs, and its dollars a second."""
    ratio = f"{engine.running}{_priced(price)} > bool 0"
    if engine.rank_labels:
        ratio = f"max without ({', '.join(engine.rank_labels)}) ({ratio})"
    if engine.engine_label:
        ratio = f"avg without ({engine.engine_label}) ({ratio})"
    yield Recording(names.active, ratio)
    if engine.awake is not None:
        gauge, label, value = engine.awake
        told = f"avg without ({engine.engine_label}, {label}) ({gauge}{{{label}={quoted(value)}}} == bool 0)"
        yield Recording(names.asleep, f"{told}\nor {names.active} * 0")
    yield Recording(names.price, _price(price, names.active))
    for state, share in _states(engine, names).items():
        yield Recording(names.spent, f"{BY_MODEL} ({names.price} * {share})", (("state", state), *named))


def _states(engine: Engine, names: _Names) -> dict[str, str]:
    if engine.awake is None:
        return {"active": names.active, "idle": f"(1 - {names.active})"}
    idle = f"clamp_min(1 - {names.active} - {names.asleep}, 0)"
    return {"active": names.active, "idle": idle, "asleep": names.asleep}


def _priced(price: EnginePrice) -> str:
    """A selector of the servers that have a price; empty: all have."""
    if price.usd_per_gpu_hour is not None:
        return ""
    return f"{{{price.label}=~{quoted('|'.join(re.escape(value) for value, _ in price.usd_by_value))}}}"


def _price(price: EnginePrice, server: str) -> str:
    """Dollars a second of each server."""

    def rate(usd: float) -> str:
        return f"{usd * price.gpus:.12g} / 3600"

    known = [
        f"{server}{{{price.label}={quoted(value)}}} * 0 + {rate(usd)}" for value, usd in price.usd_by_value
    ]
    if price.usd_per_gpu_hour is not None:
        known.append(f"{server} * 0 + {rate(price.usd_per_gpu_hour)}")
    return "\nor ".join(known)


def _of_window(
    engine: Engine, price: EnginePrice, names: _Names, named: tuple[tuple[str, str], ...], window: str
) -> Iterator[Recording]:
    def rate(counter: str) -> str:
        return f"{BY_MODEL} (rate({counter}{_priced(price)}[{window}]))"

    # A mean over the whole window, as rate() of a counter is: where there is no server, there are no dollars. Both
    # subqueries have a step per evaluation, and vector(1) has a value at each, before the first server too.
    steps = f"count_over_time(vector(1)[{window}:])"
    mean = f"sum_over_time({names.spent}[{window}:])\n/ on () group_left () {steps}"
    yield Recording(usd_by_state(window), mean)
    cached = None if engine.cached is None else rate(engine.cached)
    for kind, tokens in _prompt(engine, rate(engine.prompt), cached).items():
        yield Recording(tokens_by_kind(window), tokens, (("kind", kind), *named))
    yield Recording(tokens_by_kind(window), rate(engine.generated), (("kind", "generated"), *named))
    yield from of_levels(window)


def _prompt(engine: Engine, prompt: str, cached: str | None) -> dict[str, str]:
    """Prompt tokens by kind, as the exporter divides them."""
    if cached is None:
        return {"prompt": prompt}
    if not engine.prompt_includes_cached:
        return {"prompt_computed": prompt, "prompt_cached": cached}
    if engine.absent_cached_is_none:
        computed = f"clamp_min({prompt} - ({cached} or {prompt} * 0), 0)"
        return {"prompt_computed": computed, "prompt_cached": cached}
    return {
        "prompt": f"{prompt} unless {cached}",
        "prompt_computed": f"clamp_min({prompt} - {cached}, 0)",
        "prompt_cached": cached,
    }
