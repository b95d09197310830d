"""Families of several targets on one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.outputs.metrics.exposition import Family, Labels
from vllm_costmeter.outputs.metrics.row import MetricRow
from vllm_costmeter.outputs.metrics.rows.targets import TARGET_METRICS
from vllm_costmeter.outputs.metrics.table import BY_NAME

ROWS: Mapping[str, MetricRow] = {
    row.name.removeprefix("costmeter_"): row for row in (*TARGET_METRICS, BY_NAME["costmeter_errors_total"])
}


@dataclass(frozen=True, slots=True)
class TargetState:
    """One target as of its last attempt."""

    target: str
    down: str | None
    """The keyword for why its page was not read; None if it was."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """By keyword."""
    engine: str | None = None
    """None until it was read once, like the rest."""
    model_name: str = ""
    unseen_seconds: float = 0.0
    restarts: int = 0


def target_families(
    states: Iterable[TargetState], discovery_up: bool | None, errors: Mapping[str, int]
) -> tuple[Family, ...]:
    """The metrics about the targets themselves; `discovery_up` None: their list is fixed. `errors`: the exporter's own,
    by place."""
    samples: dict[str, list[tuple[Labels, float]]] = {name: [] for name in ROWS}

    def add(name: str, value: float, *labels: str) -> None:
        samples[name].append((tuple(zip(ROWS[name].labels, labels, strict=True)), value))

    for state in states:
        add("target_up", int(state.down is None), state.target)
        if state.down is not None:
            add("target_down_info", 1, state.target, state.down)
        for reason, count in state.errors.items():
            add("target_errors_total", count, state.target, reason)
        if state.engine is not None:
            add("target_info", 1, state.target, state.engine, state.model_name)
            add("target_unseen_seconds_total", state.unseen_seconds, state.target)
            add("target_restarts_total", state.restarts, state.target)
    for where, count in errors.items():
        add("errors_total", count, where)
    if discovery_up is not None:
        add("discovery_up", int(discovery_up))
    return tuple(Family(ROWS[name], tuple(found)) for name, found in samples.items() if found)


def labelled(families: Iterable[Family], extra: Labels) -> Iterable[Family]:
    """Every sample with more labels."""
    for family in families:
        yield replace(family, samples=tuple(((*labels, *extra), value) for labels, value in family.samples))


def merged(families: Iterable[Family]) -> Sequence[Family]:
    """One family for each metric; a sample that several have alike, such as the version, appears once."""
    rows: dict[str, MetricRow] = {}
    samples: dict[str, dict[Labels, float]] = {}
    for family in families:
        rows[family.row.name] = family.row
        samples.setdefault(family.row.name, {}).update(family.samples)
    return [Family(row, tuple(samples[name].items())) for name, row in rows.items()]
