"""How long servers take to start and wake up: stated, else measured by the plugin, else by what vLLM publishes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vllm_costmeter.core.economics.idle.return_times import ReturnTimes
from vllm_costmeter.core.meter.operations import START, Operation, Operations

WAKE_1, WAKE_2 = Operation("wake", 1), Operation("wake", 2)
FLAGS = {"start": "--start-seconds", "level_1": "--wake-seconds", "level_2": "--wake-seconds-level-2"}


class MeasuredTimes(NamedTuple):
    """What a source has."""

    by_plugin: Mapping[str, Operations]
    """By model."""
    process_start: Mapping[str, float]
    """By model: from the start of the process to the start of the meter."""
    vllm_wake: float | None
    """Of all models together, at whatever level."""


NOTHING_MEASURED = MeasuredTimes({}, {}, None)


def return_times(
    model_name: str, stated: tuple[float | None, float | None, float | None], measured: MeasuredTimes
) -> ReturnTimes:
    """Of a model. `stated`: start, level 1, level 2, as the flags say."""
    values: dict[str, float | None] = {}
    known_from = {}
    for (name, flag), said in zip(FLAGS.items(), stated, strict=True):
        values[name], known_from[name] = None, f"not measured here; state it with {flag}"
        if said is not None:
            values[name], known_from[name] = said, f"{said:g} s, as {flag} says"
        elif found := next(_measured(name, model_name, measured), None):
            values[name], known_from[name] = found
    return ReturnTimes(**values, known_from=known_from)


def _measured(name: str, model_name: str, measured: MeasuredTimes) -> Iterator[tuple[float, str]]:
    """(seconds, where they are from), the best first."""
    operation = {"start": START, "level_1": WAKE_1, "level_2": WAKE_2}[name]
    found = measured.by_plugin.get(model_name, {}).get(operation)
    if found is not None and found.times:
        mean = found.seconds / found.times
        of = f"the mean of {found.times}, " if found.times > 1 else ""
        rest = ", without scheduling and image pull" if name == "start" else ""
        yield mean, f"{mean:.3g} s, {of}measured by the plugin{rest}"
    if name == "start" and model_name in measured.process_start:
        seconds = measured.process_start[model_name]
        yield (
            seconds,
            f"{seconds:.3g} s, from process_start_time_seconds to the start of the meter, without scheduling and image "
            "pull",
        )
    if name == "level_1" and measured.vllm_wake is not None:
        yield (
            measured.vllm_wake,
            f"{measured.vllm_wake:.3g} s, by vLLM's own histogram, which does not tell models and levels apart",
        )
