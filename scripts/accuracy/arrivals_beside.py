"""The serving model beside a real vLLM under random arrivals (tests/data/arrivals, by `arrivals_measured`).

Four constants of the engine are fitted to the three closed loops: what a step takes, what a row and a sequence add,
and the way of a request. Arrivals are then calculated, not fitted.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from scripts.accuracy import scheduler_simulation
from scripts.accuracy.arrivals_measured import (
    BATCHED_TOKENS,
    CLOSED,
    OUTPUT_TOKENS,
    PLACES,
    PROMPT_TOKENS,
    RANGE,
    SHARES,
)
from scripts.servers.tiny_model import CONFIG
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.arrivals import Latency, Loads, under_arrivals
from vllm_costmeter.core.serving.float32 import Float32Units
from vllm_costmeter.core.serving.host import Host
from vllm_costmeter.core.serving.kernels import Kernel, Kernels
from vllm_costmeter.core.serving.links import LINKS
from vllm_costmeter.core.serving.load import Requests, in_flight
from vllm_costmeter.core.serving.served_model import ServedModel, served_model
from vllm_costmeter.core.serving.serving_gpu import ServingGpu
from vllm_costmeter.core.serving.step import Engine
from vllm_costmeter.outputs.text.table_layout import markdown_table
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.model_config import model_from_config

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "arrivals"
START = (1e-3, 1e9, 1e-3, 20e-3)
NEVER = 1e12
DRAWS = 8
UNUSED = "RTX 4090"
"""Its architecture decides how quantized weights are loaded, and these have 16 bits."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one run, calculated and measured."""

    share: float
    name: str
    calculated: float
    measured: float

    @property
    def error(self) -> float:
        """Calculated over measured, less 1."""
        return self.calculated / self.measured - 1


@dataclass(frozen=True, slots=True)
class Simulated:
    """Means of one simulated run."""

    ttft_ms: float
    tpot_ms: float


@cache
def _model() -> ServedModel:
    return served_model(model_from_config(CONFIG, "tiny"), EngineArgs(), NEWEST, find_gpu(UNUSED))


def engine(floor: float, rate: float, per_sequence: float, path: float) -> Engine:
    """The CPU as a GPU without CUDA graphs: seconds per kernel, FLOPs per second, and the host's."""
    kernel = Kernel(floor, 1.0, 1.0, 1.0)
    kernels = Kernels(
        matrices={"bf16": kernel},
        experts={},
        attention=Kernel(0.0, 1.0, 1.0),
        prompt_attention_share=1.0,
        small_seconds=0.0,
        float32=Float32Units(1, 1, 1.0),
    )
    cpu = ServingGpu(NEVER, rate, None, None, False, kernels, LINKS["pcie4"], LINKS["pcie4"], False)
    host = Host(0.0, per_sequence, is_hidden=False, path_seconds=path, seconds_per_prompt_token=0.0)
    return Engine(_model(), cpu, EngineArgs().layout, BATCHED_TOKENS, host, captured_tokens=NEVER)


def requests(run: Mapping[str, Any]) -> Requests:
    """The mean lengths of a run."""
    count = run["completed"]
    return Requests(run["total_input_tokens"] / count, run["total_output_tokens"] / count)


def read(folder: Path, name: str) -> dict[str, Any]:
    """One run's summary."""
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


def fitted(runs: Mapping[int, Mapping[str, Any]]) -> Engine:
    """The engine with the least squares of logarithms over rate and TPOT of the closed loops, by concurrency, and over
    TTFT of the first."""

    def loss(logs: Sequence[float]) -> float:
        known, total = engine(*map(math.exp, logs)), 0.0
        for concurrency, run in runs.items():
            found = in_flight(known, requests(run), concurrency, PLACES)
            total += math.log(found.tpot_seconds * 1e3 / run["mean_tpot_ms"]) ** 2
            total += math.log(found.requests_per_second / run["request_throughput"]) ** 2
            if concurrency == 1:
                total += math.log(found.ttft_seconds * 1e3 / run["mean_ttft_ms"]) ** 2
        return total

    best, step = [math.log(value) for value in START], 1.0
    least = loss(best)
    while step > 1e-3:
        tries = [
            [value + (sign * step if index == place else 0.0) for index, value in enumerate(best)]
            for place in range(len(best))
            for sign in (1, -1)
        ]
        nearest = min(tries, key=loss)
        if loss(nearest) < least:
            best, least = nearest, loss(nearest)
        else:
            step /= 2
    return engine(*map(math.exp, best))


def rows(folder: Path = DATA) -> list[Row]:
    """Every figure of every run under arrivals."""
    known = fitted({number: read(folder, f"closed-{number}") for number in CLOSED})
    found: list[Row] = []
    for share in SHARES:
        run = read(folder, f"poisson-{round(100 * share)}")
        loads = Loads(known, requests(run), PLACES)
        latency = under_arrivals(loads, run["request_rate"])
        assert latency is not None
        found += [Row(share, *each) for each in _figures(latency, run)]
    return found


def _figures(latency: Latency, run: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    return [
        ("TTFT, mean, ms", latency.ttft_seconds() * 1e3, run["mean_ttft_ms"]),
        ("TTFT, p95, ms", latency.ttft_seconds(0.95) * 1e3, run["p95_ttft_ms"]),
        ("TPOT, mean, ms", latency.tpot_seconds() * 1e3, run["mean_tpot_ms"]),
        ("TPOT, p95, ms", latency.tpot_seconds(0.95) * 1e3, run["p95_tpot_ms"]),
        ("in vLLM's queue, mean, ms", latency.queue_seconds * 1e3, run["mean_queue_ms"]),
        (
            "requests at once",
            latency.running + latency.waiting,
            run["request_throughput"] * run["mean_e2el_ms"] / 1e3,
        ),
    ]


@cache
def simulated(folder: Path = DATA) -> dict[float, list[Simulated]]:
    """Each run in the simulated scheduler, with the same engine and as many requests, for several draws of them."""
    known = fitted({number: read(folder, f"closed-{number}") for number in CLOSED})
    return {
        share: [
            _simulated(known, read(folder, f"poisson-{round(100 * share)}"), seed) for seed in range(DRAWS)
        ]
        for share in SHARES
    }


def _simulated(known: Engine, run: Mapping[str, Any], seed: int) -> Simulated:
    draw = random.Random(seed)

    def length(mean: int) -> int:
        return draw.randint(round(mean * (1 - RANGE)), round(mean * (1 + RANGE)))

    lengths = [(length(PROMPT_TOKENS), length(OUTPUT_TOKENS)) for _ in range(run["completed"])]
    scheduler = scheduler_simulation.Engine(
        known.seconds, batched_tokens=BATCHED_TOKENS, most_sequences=PLACES
    )
    done = scheduler_simulation.open_loop(scheduler, lengths, run["request_rate"], seed=seed)
    first = statistics.mean(each.first - each.arrival for each in done) + known.host.path_seconds
    return Simulated(first * 1e3, statistics.mean(each.time_per_token for each in done) * 1e3)


def table() -> str:
    """For docs/serving.md."""
    found = rows()
    names = list(dict.fromkeys(row.name for row in found))
    cells = {(row.share, row.name): (_number(row.calculated), _number(row.measured)) for row in found}
    drawn = {
        (share, name): f" ({_number(min(values))} to {_number(max(values))})"
        for share, runs in simulated().items()
        for name, values in (
            ("TTFT, mean, ms", [each.ttft_ms for each in runs]),
            ("TPOT, mean, ms", [each.tpot_ms for each in runs]),
        )
    }
    titles = [title for share in SHARES for title in (f"{share:.0%}: calculated (simulated)", "measured")]
    lines = [
        (
            name,
            *(text for share in SHARES for text in _pair(cells[share, name], drawn.get((share, name), ""))),
        )
        for name in names
    ]
    return markdown_table(("", *titles), lines)


def _pair(values: tuple[str, str], drawn: str) -> tuple[str, str]:
    return values[0] + drawn, values[1]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.1 else "0"
