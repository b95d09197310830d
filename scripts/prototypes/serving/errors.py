"""Errors of the model on the measurements: `python -m scripts.prototypes.serving.errors [ML_ENERGY.csv]`."""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from scripts.prototypes.serving import simulation, truth
from scripts.prototypes.serving.load import Served, burst, closed, most_running


def is_batch(run: truth.Run) -> bool:
    """Whether (nearly) all requests arrive at once, so that no steady state is reached."""
    return 0 < run.sent <= 4 * run.concurrency


def estimated(run: truth.Run) -> Served:
    """The estimate for one replica at its share of the load, simulated if there is no steady state."""
    most = min(most_running(run.server, run.requests), run.most_sequences)
    in_flight = run.concurrency / run.replicas
    if is_batch(run):
        return simulated(run, most)
    served = closed(run.server, run.requests, in_flight, most)
    first_wave = run.concurrency / run.sent if run.sent else 0.0
    if first_wave:
        wait = first_wave * burst(run.server, run.requests, min(in_flight, most))
        served = replace(served, ttft=served.ttft + wait)
    return served


def simulated(run: truth.Run, most: float) -> Served:
    """Simulate the requests in the scheduler, step by step."""
    server, known = run.server, {}

    def seconds(decoding: int, context: float, prompt: int, before: float) -> float:
        decoding = -(-decoding // server.pp)
        key = (
            decoding,
            round(context / 32),
            prompt if prompt < 64 else round(prompt / 16) * 16,
            round(before / 64),
        )
        if key not in known:
            known[key] = server.seconds(decoding, key[1] * 32, key[2], key[3] * 64)
        return known[key]

    draw = random.Random(1)
    sigma = 1.0 if run.source.startswith("GPUStack") and 210 <= run.requests.prompt <= 235 else 0.0

    def length(mean: float) -> int:
        return max(2, round(mean * math.exp(draw.gauss(0, sigma) - sigma**2 / 2)))

    sent = round(run.sent / run.replicas)
    lengths = [(length(run.requests.prompt), length(run.requests.output)) for _ in range(sent)]
    full = run.requests.prompt + run.requests.output / 2
    engine = simulation.Engine(
        seconds,
        batched_tokens=server.batched_tokens,
        most_sequences=run.most_sequences,
        kv_tokens=max(most * full, 1.1 * max(map(sum, lengths))),
    )
    done = simulation.closed_loop(engine, lengths, round(run.concurrency / run.replicas))
    tokens = sum(length for _, length in lengths)
    first = statistics.mean(each.first - each.arrival for each in done) + 0.02
    tpot = statistics.mean(each.time_per_token for each in done)
    return Served(most, first, tpot, tokens / engine.now, 0.0)


def main() -> None:
    """Print tables by source, model and GPU."""
    runs = [*truth.committed(), *truth.sweep(), *(r for f in sys.argv[1:] for r in truth.ml_energy(Path(f)))]
    runs = [run for run in runs if run.attention_dp == 1]
    groups: dict[tuple[str, str], list[tuple[float | None, float | None, float | None]]] = defaultdict(list)
    for run in runs:
        got = estimated(run)
        rate = run.tokens_per_second and got.tokens_per_second * run.replicas / run.tokens_per_second - 1
        tpot = run.tpot and got.tpot / run.tpot - 1
        ttft = run.ttft and got.ttft / run.ttft - 1
        for key in (
            ("source", run.source),
            ("model", run.model),
            ("GPU", run.gpu),
            ("all", ""),
            ("source x GPU", f"{run.source} {run.gpu}"),
            ("source x model", f"{run.source} {run.model} {run.server.weights}"),
        ):
            groups[key].append((rate, tpot, ttft))
    for (kind, name), errors in sorted(groups.items()):
        cells = []
        for column in range(3):
            values = [each[column] for each in errors if each[column] is not None]
            if values:
                cells.append(
                    f"{statistics.median(values):+5.0%} |{statistics.median(map(abs, values)):4.0%}|"
                )
            else:
                cells.append("     -      ")
        print(f"{kind:15s} {name:52s} {len(errors):4d}  rate {cells[0]}  tpot {cells[1]}  ttft {cells[2]}")


if __name__ == "__main__":
    main()
