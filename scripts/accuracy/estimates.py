"""Errors of `costmeter estimate` on published measurements: `python -m scripts.accuracy.estimates
[ML_ENERGY.csv]`.

Prints the error table of docs/economics.md. The runs of arXiv 2606.11690 are in tests/data/measured; those of
the ML.ENERGY leaderboard v3 (2026-02) have no licence and are read from a CSV that the user supplies.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vllm_costmeter.core.economics.throughput import FITTED, Estimate, Load, Slowness, estimate, rates_of
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.precision import FP8, requantized
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.outputs.text.table_layout import markdown_table
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.model_config import model_from_config

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
UNDERUTILISATION = DATA / "measured" / "underutilisation_runs.csv"
PROMPT_TOKENS = {"lm-arena-chat": 120, "gpqa": 250, "sourcegraph-fim": 300}  # not published: our assumption
SWEEP_PROMPT_TOKENS, SWEEP_OUTPUT_TOKENS = (
    512,
    256,
)  # output: tokens/s over requests/s; prompt: our assumption
QWEN3_14B = {
    "num_hidden_layers": 40,
    "hidden_size": 5120,
    "num_attention_heads": 40,
    "intermediate_size": 17408,
}
CONFIGS = {
    "Meta-Llama-3.1-8B-Instruct": "meta-llama__Llama-3.1-8B-Instruct",
    "Llama-3.1-8B-Instruct": "meta-llama__Llama-3.1-8B-Instruct",
    "Llama-3.1-405B-Instruct-FP8": "meta-llama__Meta-Llama-3.1-405B",
    "Llama-4-Scout-17B-16E-Instruct": "meta-llama__Llama-4-Scout-17B-16E-Instruct",
    "Mixtral-8x7B-Instruct-v0.1": "mistralai__Mixtral-8x7B-v0.1",
    "Qwen3-14B": "Qwen__Qwen3-32B",
    "Qwen3-32B": "Qwen__Qwen3-32B",
    "Qwen3-30B-A3B-Instruct-2507": "Qwen__Qwen3-30B-A3B",
    "Qwen3-Coder-30B-A3B-Instruct": "Qwen__Qwen3-30B-A3B",
    "Qwen3-235B-A22B-Instruct-2507-FP8": "Qwen__Qwen3-235B-A22B-FP8",
    "Qwen3-235B-A22B-Thinking-2507-FP8": "Qwen__Qwen3-235B-A22B-FP8",
    "gpt-oss-120b": "openai__gpt-oss-120b",
}
"""A measured model and the config.json of its shape; others (hybrid Mamba) have no config here and are
omitted."""


class Run(NamedTuple):
    """One measurement and our estimate for it."""

    source: str
    model: str
    gpu: str
    gpus: int
    is_fp8: bool
    load: Load
    measured: float

    @property
    def estimated(self) -> float:
        """Generated tokens per second."""
        return self.estimate().generated_tokens_per_second

    def estimate(self, slowness: Slowness = FITTED) -> Estimate:
        """The result of `costmeter estimate` for a load that is known to fit."""
        model, gpu = shape(self.model, self.is_fp8), find_gpu(self.gpu)
        engine_args = EngineArgs(layout=ParallelConfig(tensor_parallel_size=self.gpus))
        return estimate(
            model,
            engine_args,
            NEWEST,
            rates_of(gpu, model),
            self.load,
            gpus=self.gpus,
            slowness=slowness,
        )

    @property
    def error(self) -> float:
        """Estimated over measured, minus 1."""
        return self.estimated / self.measured - 1


@cache
def shape(name: str, is_fp8: bool) -> Model:
    """The measured model from its config.json, as an FP8 checkpoint if it ran as one."""
    values = json.loads((DATA / "models" / CONFIGS[name] / "config.json").read_text())
    model = model_from_config(values | QWEN3_14B if name == "Qwen3-14B" else values, name)
    return requantized(model, FP8) if is_fp8 and model.quantization is None else model


def sweep(file: Path = UNDERUTILISATION) -> Iterator[Run]:
    """The vLLM runs of arXiv 2606.11690. Concurrency is tokens/s x seconds per token (Little's law)."""
    for row in csv.DictReader(file.open()):
        if row["engine"] != "vllm":
            continue
        rate = float(row["tps_output"])
        running = max(1, round(rate * float(row["tpot_p50_ms"]) / 1e3))
        yield Run(
            "arXiv 2606.11690",
            row["model"].rpartition("/")[2],
            "H100 SXM" if row["hardware"] == "H100" else "A100 80GB PCIe",
            int(row["gpus"]),
            row["precision"] == "fp8",
            Load(running, SWEEP_PROMPT_TOKENS, SWEEP_OUTPUT_TOKENS),
            rate,
        )


def leaderboard(file: Path) -> Iterator[Run]:
    """The leaderboard's runs of models with a config.json here."""
    for row in csv.DictReader(file.open()):
        name = row["model_id"].rpartition("/")[2]
        if name in CONFIGS:
            lengths = PROMPT_TOKENS[row["task"]], round(float(row["avg_output_len"]))
            load = Load(max(1, round(float(row["avg_batch_size"]))), *lengths)
            rate = float(row["output_throughput_tokens_per_sec"])
            fp8 = row["weight_precision"] == "fp8"
            yield Run("ML.ENERGY v3", name, "H100 SXM", int(row["num_gpus"]), fp8, load, rate)


def table(runs: Iterable[Run]) -> str:
    """Median absolute error and spread by source, model and GPUs."""
    groups: dict[tuple[str, ...], list[float]] = {}
    everything: list[float] = []
    for run in runs:
        precision = "FP8" if run.is_fp8 else ""
        groups.setdefault(
            (run.source, f"{run.model} {precision}".strip(), f"{run.gpus}x {run.gpu}"), []
        ).append(run.error)
        everything.append(run.error)
    rows = [(*key, str(len(errors)), *spread(errors)) for key, errors in sorted(groups.items())]
    rows.append(("all", "", "", str(len(everything)), *spread(everything)))
    return markdown_table(
        ("source", "model", "GPUs", "runs", "median error", "median absolute", "lowest", "highest"), rows
    )


def spread(errors: list[float]) -> tuple[str, ...]:
    """Median error, median absolute error, lowest and highest, in percent."""
    sizes = statistics.median(map(abs, errors))
    return (f"{statistics.median(errors):+.0%}", f"{sizes:.0%}", f"{min(errors):+.0%}", f"{max(errors):+.0%}")


if __name__ == "__main__":
    print(table([*sweep(), *(run for file in sys.argv[1:] for run in leaderboard(Path(file)))]), end="")
