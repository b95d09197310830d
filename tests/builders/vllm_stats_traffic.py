"""The same four engine steps through the statistics classes of whatever vLLM is on the path.

`vllm_stats_traffic.py record FILE` writes what those classes hold after each step, as JSON: the files in
`tests/data/vllm_stats`. `vllm_stats_traffic.py count FILE` feeds the objects themselves to our reader, with published
work besides, and writes its totals.

Two requests. A: 23 prompt tokens, 8 of them cached here. B: 40 prompt tokens, 16 of them transferred from a prefill
server. Step 1 finishes A's prompt; step 2 B's; in step 3 A ends with three accepted tokens at once (speculation), so
that it generated five; step 4 finds B aborted and has no outputs.
"""

from __future__ import annotations

import dataclasses
import importlib.abc
import importlib.machinery
import inspect
import json
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

STARTED = 1000.0
"""Wall clock and engine clock of the first step; steps are a second apart."""

RECORDED = Path(__file__).parents[1] / "data" / "vllm_stats"

LACKED = ("gguf",)
"""What an older vLLM imports at the top and the tests' environment lacks; its statistics do not use it."""

Step = tuple[float, Any, Any]
"""(when it ended, SchedulerStats, IterationStats or None)"""


def steps() -> Iterator[Step]:
    """The four steps, made by vLLM's own code."""
    from vllm.v1.engine import FinishReason
    from vllm.v1.metrics.stats import (
        IterationStats,
        LoRARequestStates,
        RequestStateStats,
        SchedulerStats,
    )

    first, second = RequestStateStats(arrival_time=STARTED - 0.5), RequestStateStats(arrival_time=STARTED)
    first.queued_ts = second.queued_ts = STARTED - 0.5
    first.scheduled_ts, second.scheduled_ts = STARTED - 0.4, STARTED
    loras = LoRARequestStates()

    def iteration(now: float, *outputs: tuple[RequestStateStats, SimpleNamespace, int]) -> IterationStats:
        stats = IterationStats()
        stats.iteration_timestamp = now
        for request, output, prompt_tokens in outputs:
            call(
                stats.update_from_output,
                output=output,
                engine_core_timestamp=now,
                is_prefilling=prompt_tokens > 0,
                prompt_len=prompt_tokens,
                req_stats=request,
                lora_states=loras,
                lora_name=None,
            )
        return stats

    now = STARTED
    yield (
        now,
        SchedulerStats(num_running_reqs=2, kv_cache_usage=0.25),
        iteration(now, (first, output(1, 23, 8), 23)),
    )
    now += 1
    decode_and_prefill = iteration(now, (first, output(1), 0), (second, output(1, 40, 16, external=16), 40))
    yield now, SchedulerStats(num_running_reqs=2, kv_cache_usage=0.5), decode_and_prefill
    now += 1
    last = iteration(now, (first, output(3), 0), (second, output(1), 0))
    call(
        last.update_from_finished_request,
        finish_reason=FinishReason.LENGTH,
        request_id="cmpl-a-0",
        num_prompt_tokens=23,
        max_tokens_param=5,
        req_stats=first,
        num_cached_tokens=8,
    )
    yield now, SchedulerStats(num_running_reqs=1, kv_cache_usage=0.5), last
    yield now + 1, SchedulerStats(), None


def with_published_work(taken: Iterator[Step]) -> Iterator[Step]:
    """The same as with `--enable-mfu-metrics`: every step with outputs tells its work, in the class of this version."""
    from vllm.v1.metrics.perf import PerfStats

    for now, scheduler, iteration in taken:
        if iteration is not None:
            scheduler.perf_stats = PerfStats(1000, 200, 30)
        yield now, scheduler, iteration


def output(new_tokens: int, prompt: int = 0, cached: int = 0, external: int = 0) -> SimpleNamespace:
    """What the engine core reports of one request's step, with the attributes of every version."""
    prefill = SimpleNamespace(
        num_prompt_tokens=prompt,
        num_computed_tokens=prompt - cached,
        num_cached_tokens=cached,
        num_local_cached_tokens=cached - external,
        num_external_cached_tokens=external,
    )
    return SimpleNamespace(
        request_id="cmpl",
        new_token_ids=[7] * new_tokens,
        prefill_stats=prefill,  # since 0.20
        num_cached_tokens=cached,  # before
        num_external_computed_tokens=external,  # before
        num_nans_in_logits=0,
        events=None,
    )


def call(method: Callable[..., None], **arguments: Any) -> None:
    """Call with those of the arguments that this version takes."""
    taken = inspect.signature(method).parameters
    method(**{name: value for name, value in arguments.items() if name in taken})


def as_json(value: Any) -> Any:
    """Every attribute, by name, down to plain values; an enumeration by its name."""
    if dataclasses.is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, str | int | float | None) and not hasattr(value, "name"):
        return value
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return value.name if hasattr(value, "name") else as_json(vars(value))


def recorded() -> list[dict[str, Any]]:
    """The steps as JSON."""
    return [
        {"now": now, "scheduler": as_json(scheduler), "iteration": as_json(iteration)}
        for now, scheduler, iteration in steps()
    ]


def steps_on_record(minor: str) -> list[Step]:
    """The recorded steps of a minor version, as objects with the attributes it has and no others."""
    text = (RECORDED / f"{minor}.json").read_text()
    found = json.loads(text, object_hook=lambda fields: SimpleNamespace(**fields) if fields else {})
    return [(step.now, step.scheduler, step.iteration) for step in found]


def counted(taken: Sequence[Step]) -> dict[str, Any]:
    """Our reader's totals after these steps, and the finished requests it noted."""
    from vllm_costmeter.sources.vllm.step_stats import StepRecorder

    counters = StepRecorder(0, now=STARTED - 10, capacity_tokens=1000)
    for now, scheduler, iteration in taken:
        counters.add_step(scheduler, iteration, now)
    totals = dataclasses.asdict(counters.totals(STARTED + 10))
    finished = [list(request[:4]) for request in counters.take_ended(100)]
    return {**totals.pop("counts"), **totals, "events": list(totals["events"]), "finished": finished}


class _Lacked(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for the libraries in LACKED: any attribute of theirs is an empty class."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        lacked = name.partition(".")[0] in LACKED
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if lacked else None

    def exec_module(self, module: types.ModuleType) -> None:
        module.__getattr__ = _empty_class  # type: ignore[method-assign]


def _empty_class(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {})


if __name__ == "__main__":
    sys.meta_path.append(_Lacked())  # last: what is installed is used
    what, file = sys.argv[1:]  # not to stdout: some versions log there
    Path(file).write_text(
        json.dumps(recorded() if what == "record" else counted(list(with_published_work(steps()))), indent=1)
        + "\n"
    )
