"""Recording rules that derive dollars and $/M from an engine's own metrics and a price, without any process of ours.

They record the base series of the other rules with the label `engine`, so that totals and budgets add up both. A server
costs its price while Prometheus scrapes it; the state is that of each evaluation, which finds the active share on
average. Servers that costmeter meters are left out: they are in the other rules already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.outputs.rules.recording import (
    GPU_SECONDS,
    RULES_INFO,
    WINDOWS,
    of_levels,
    priced_by_kind,
    spent_by_state,
    tokens_by_kind,
    usd_by_state,
)
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
        Group(
            f"costmeter_{engine.key}_rules",
            (Recording(RULES_INFO, "vector(1)", tuple(_own(engine).items())),),
        ),
        Group(f"costmeter_{engine.key}_servers", servers),
        *(
            Group(f"costmeter_{engine.key}_{window}", tuple(_of_window(engine, price, names, named, window)))
            for window in WINDOWS
        ),
        Group(f"costmeter_{engine.key}_budget", tuple(_of_budgets(engine))),
        Group(f"costmeter_{engine.key}_month", (_of_month(engine),), interval="1h"),
    )


def _own(engine: Engine) -> dict[str, str]:
    """The label that keeps the series of this engine apart from those of every other source."""
    return {"engine": engine.key}


def _earlier(engine: Engine) -> str:
    """Rules that record the totals where they are loaded: the meter's, which lack the label, and earlier engines."""
    keys = "|".join(sorted(key for key in BY_KEY if key < engine.key))
    return f"{RULES_INFO}{{engine=~{quoted(f'|{keys}' if keys else '')}}}"


def _unmetered(engine: Engine, window: str = "") -> str:
    """Appended to a vector of servers: only those without a meter, at this moment or in a window. The job is not
    compared: an exporter's is another than the server's own."""
    named = "model_name, " if engine.model_label else ""
    metered = f"rate({GPU_SECONDS}[{window}])" if window else GPU_SECONDS
    return f"unless on (cluster, {named}instance) {metered}"


def _of_servers(
    engine: Engine, price: EnginePrice, names: _Names, named: tuple[tuple[str, str], ...]
) -> Iterator[Recording]:
    """Values of this moment: the active and the asleep share of each server's GPUs, and its dollars a second."""
    ratio = f"{engine.running}{_priced(price)} > bool 0 {_unmetered(engine)}"
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
        return f"{BY_MODEL} (rate({counter}{_priced(price)}[{window}]) {_unmetered(engine, window)})"

    own, labels = f"{{engine={quoted(engine.key)}}}", (*_own(engine).items(), *named)
    yield Recording(usd_by_state(window), _mean(names, window), tuple(_own(engine).items()))
    cached = None if engine.cached is None else rate(engine.cached)
    for kind, tokens in _prompt(engine, rate(engine.prompt), cached).items():
        yield Recording(tokens_by_kind(window), tokens, (("kind", kind), *labels))
    yield Recording(tokens_by_kind(window), rate(engine.generated), (("kind", "generated"), *labels))
    yield Recording(priced_by_kind(window), f"{tokens_by_kind(window)}{own}")
    yield from of_levels(window, f"\nunless on () {_earlier(engine)}")


def _mean(names: _Names, window: str) -> str:
    """Over the whole window, as rate() of a counter is: where there is no server, there are no dollars. Both subqueries
    have a step per evaluation, and vector(1) has a value at each, before the first server too."""
    steps = f"count_over_time(vector(1)[{window}:])"
    return f"sum_over_time({names.spent}[{window}:])\n/ on () group_left () {steps}"


def _of_budgets(engine: Engine) -> Iterator[Recording]:
    """A day has 288 times five minutes; one of every evaluation would be too much to read."""
    own = f"{{engine={quoted(engine.key)}}}"
    steps = "count_over_time(vector(1)[1d:5m])"
    day = f"sum_over_time({usd_by_state('5m')}{own}[1d:5m])\n/ on () group_left () {steps}"
    yield Recording(usd_by_state("1d"), day)
    yield Recording(spent_by_state("1h"), f"3600 * {usd_by_state('1h')}{own}")


def _of_month(engine: Engine) -> Recording:
    """From the hours: there is no counter that would know what was spent while Prometheus was down."""
    hours = f"last_over_time({spent_by_state('1h')}{{engine={quoted(engine.key)}}}[1h])"
    return Recording(spent_by_state("30d"), f"sum_over_time({hours}[30d:1h])")


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
