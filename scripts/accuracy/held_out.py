"""The activation rule on held-out models: its two constants are fitted to the other models' boots."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scripts.accuracy.logged_boots import MODELS, boots, gpu_of, plan_of
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.engine.runners import V1_BEFORE_0_20
from vllm_costmeter.core.memory import activations
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import read_model

COPIES = tuple(copies / 20 for copies in range(50, 71))  # 2.5 to 3.5 float32 copies of the logits


@dataclass(frozen=True)
class Boot:
    """One boot of 0.19.0 on a rank with the sampler, so that both constants affect its peak."""

    model: str
    logged_gib: float
    rule_gib: float
    without_constant_gib: Mapping[float, float]
    """The rule without its constant, by float copies."""


@dataclass(frozen=True)
class HeldOut:
    """One model, predicted by the rule fitted to all boots and by one fitted without it."""

    model: str
    boots: int
    copies: float
    constant_gib: float
    in_sample_gib: float
    """The largest error over its boots, predicted minus logged, in sample."""
    out_of_sample_gib: float
    errors_gib: tuple[float, ...]
    """Out of sample, one error per boot."""


def held_out() -> Iterator[HeldOut]:
    """One row per model in the boots."""
    found = list(_boots())
    for name in dict.fromkeys(boot.model for boot in found):
        own = [boot for boot in found if boot.model == name]
        copies, constant = fitted([boot for boot in found if boot.model != name])
        errors = tuple(boot.without_constant_gib[copies] + constant - boot.logged_gib for boot in own)
        in_sample = max((boot.rule_gib - boot.logged_gib for boot in own), key=abs)
        yield HeldOut(name, len(own), copies, constant, in_sample, max(errors, key=abs), errors)


def fitted(found: Sequence[Boot]) -> tuple[float, float]:
    """(float copies, constant in GiB) with the smallest mean absolute error; the first wins a tie."""

    def constant(copies: float) -> float:
        return statistics.median(boot.logged_gib - boot.without_constant_gib[copies] for boot in found)

    def error(copies: float) -> float:
        best = constant(copies)
        return statistics.mean(
            abs(boot.without_constant_gib[copies] + best - boot.logged_gib) for boot in found
        )

    copies = min(COPIES, key=error)
    return copies, constant(copies)


def _boots() -> Iterator[Boot]:
    for boot in boots():
        if boot["failed"] == "True" or boot["pp"] != "1":
            continue
        peak = _peaks(boot)
        yield Boot(
            boot["model"],
            float(boot["activation_peak_gib"]),
            peak(V1_BEFORE_0_20.float_copies[1]),
            {copies: peak(copies) - activations.FIXED_BESIDE_ROWS_GIB for copies in COPIES},
        )


def _peaks(boot: Mapping[str, str]) -> Callable[[float], float]:
    """The rule's peak for one boot in GiB, by float copies."""
    plan, model = plan_of(boot), read_model(MODELS / boot["config"])
    release, gpu = release_of(boot["vllm"]), gpu_of(plan)
    engine = resolve_engine(model, gpu, plan, release)

    def peak(copies: float) -> float:
        runner = replace(V1_BEFORE_0_20, float_copies=(copies, copies, copies))
        rules = replace(engine_rules(release), v1=runner)
        peak = activations.activation_peak(model, engine, plan, rules, is_first_rank=True, is_last_rank=True)
        return peak.bytes / GIB

    return peak


def section() -> list[str]:
    """This section's lines in docs/accuracy.md."""
    rows = list(held_out())
    errors = [error for row in rows for error in row.errors_gib]
    mean, worst = statistics.mean(map(abs, errors)), max(errors, key=abs)
    return [
        "## The activation rule, out of sample",
        "",
        "Two constants of the rule for 0.19 are fitted to these boots: the sampler's float32 copies of the logits and",
        "a fixed amount. Here each model is predicted with both fitted to the boots of the others (pipeline ranks",
        "without a sampler show neither and are left out). The terms themselves were found on the same boots.",
        "",
        f"Mean absolute error {mean:.3f} GiB over {len(errors)} boots, worst {worst:+.3f}.",
        "",
        "| model | boots | copies without it | constant without it | error of the rule | error without it |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.model} | {row.boots} | {row.copies:.2f} | {row.constant_gib:.3f} GiB "
            f"| {row.in_sample_gib:+.3f} GiB | {row.out_of_sample_gib:+.3f} GiB |"
            for row in rows
        ),
        "",
    ]
