"""Errors of the serving model on measurements: `python -m scripts.accuracy.serving_errors [ML_ENERGY.csv]`.

No constant of a kernel or link has seen a serving run; five others have (docs/serving.md), so that sources, GPUs and
models are judged apart, and those marked as fitted by themselves.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.accuracy import scheduler_simulation, serving_runs
from scripts.accuracy.serving_runs import Run
from vllm_costmeter.core.serving.load import in_flight, prefill_seconds
from vllm_costmeter.outputs.text.table_layout import markdown_table


@dataclass(frozen=True, slots=True)
class Error:
    """Estimated over measured, minus 1; None where the measurement is not stated."""

    run: Run
    rate: float | None
    tpot: float | None
    ttft: float | None


@dataclass(frozen=True, slots=True)
class Estimated:
    """Of one replica."""

    tokens_per_second: float
    tpot_seconds: float
    ttft_seconds: float


def error_of(run: Run) -> Error:
    """At one replica's share of the load; simulated step by step if there is no steady state."""
    found = simulated(run) if run.is_batch else steady(run)
    busy = min(run.replicas, run.concurrency)
    return Error(
        run,
        _relative(found.tokens_per_second * busy, run.tokens_per_second),
        _relative(found.tpot_seconds, run.tpot_seconds),
        _relative(found.ttft_seconds, run.ttft_seconds),
    )


def _relative(estimated: float, measured: float | None) -> float | None:
    return estimated / measured - 1 if measured else None


def steady(run: Run) -> Estimated:
    """In closed form. The mean TTFT contains the first wave, whose prompts all arrive at once."""
    concurrency = run.concurrency / run.replicas
    found = in_flight(run.engine, run.requests, concurrency, run.most_running)
    ttft = found.ttft_seconds
    if run.sent:
        slots = min(concurrency, run.most_running)
        together = max(1.0, min(slots, run.engine.batched_tokens / run.requests.prompt_tokens))
        wave = slots / 2 * prefill_seconds(run.engine, run.requests, slots / 2, together)
        ttft += run.concurrency / run.sent * wave
    rate = found.requests_per_second * run.requests.output_tokens
    return Estimated(rate, found.tpot_seconds, ttft)


def simulated(run: Run) -> Estimated:
    """The requests in the scheduler, step by step. ShareGPT's lengths (GPUStack's short prompts) vary."""
    engine, known = run.engine, {}

    def seconds(decoding: int, context: float, prompt: int, before: float) -> float:
        key = (
            -(-decoding // engine.stages),
            round(context / 32),
            prompt // engine.stages if prompt < 64 else round(prompt / engine.stages / 16) * 16,
            round(before / 64),
        )
        if key not in known:
            known[key] = engine.seconds(key[0], key[1] * 32, key[2], key[3] * 64)
        return known[key]

    draw = random.Random(1)
    is_sharegpt = run.source.startswith("GPUStack") and 210 <= run.requests.prompt_tokens <= 235
    sigma = 1.0 if is_sharegpt else 0.0

    def length(mean: float) -> int:
        return max(2, round(mean * math.exp(draw.gauss(0, sigma) - sigma**2 / 2)))

    sent = round(run.sent / run.replicas)
    lengths = [(length(run.requests.prompt_tokens), length(run.requests.output_tokens)) for _ in range(sent)]
    scheduler = scheduler_simulation.Engine(
        seconds,
        batched_tokens=engine.batched_tokens * engine.stages,
        most_sequences=run.most_sequences,
        kv_tokens=max(run.most_running * run.requests.mean_context, 1.1 * max(map(sum, lengths))),
    )
    done = scheduler_simulation.closed_loop(scheduler, lengths, round(run.concurrency / run.replicas))
    first = statistics.mean(each.first - each.arrival for each in done) + engine.host.path_seconds
    tokens = sum(output for _, output in lengths)
    return Estimated(tokens / scheduler.now, statistics.mean(each.time_per_token for each in done), first)


def table(errors: Sequence[Error], title: str, key: Callable[[Run], str]) -> str:
    """Median error and median size of each group, by rate, TPOT and TTFT."""
    groups: dict[str, list[Error]] = {}
    for error in errors:
        groups.setdefault(key(error.run), []).append(error)
    rows = [(name, str(len(found)), *summaries(found)) for name, found in sorted(groups.items())]
    return markdown_table((title, "runs", "tokens/s", "TPOT", "TTFT"), rows)


def summaries(errors: Iterable[Error]) -> tuple[str, str, str]:
    """ "+3 % (9 %)": median error, and the median of its size."""
    found = list(errors)
    return (
        _summary([each.rate for each in found]),
        _summary([each.tpot for each in found]),
        _summary([each.ttft for each in found]),
    )


def _summary(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return f"{statistics.median(known):+.0%} ({statistics.median(map(abs, known)):.0%})"


def main() -> None:
    """Print the tables."""
    runs = [*serving_runs.committed(), *serving_runs.sweep()]
    runs += [run for file in sys.argv[1:] for run in serving_runs.ml_energy(Path(file))]
    errors = [error_of(run) for run in runs]
    print("all:", len(errors), *summaries(errors))
    for title, key in TABLES.items():
        print(table(errors, title, key))


TABLES: dict[str, Callable[[Run], str]] = {
    "split": lambda run: run.split,
    "source": lambda run: run.source,
    "GPU": lambda run: run.gpu,
    "model": lambda run: f"{run.model} {run.weights}",
    "source and GPU": lambda run: f"{run.source}, {run.gpu}",
}


if __name__ == "__main__":
    main()
