"""The published measurements of tests/data/finetuning, as runs of the model."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.finetuning.shape import Shape

MEASURED = Path(__file__).parents[1] / "data" / "finetuning" / "memory.csv"

SHAPES = {
    "Qwen-1.8B": Shape(24, 2048, 16, 16, 128, 5504, 151936),
    "Qwen-7B": Shape(32, 4096, 32, 32, 128, 11008, 151936),
    "Qwen-14B": Shape(40, 5120, 40, 40, 128, 13696, 152064),
    "Qwen-72B": Shape(80, 8192, 64, 64, 128, 24576, 152064),
    "Llama-3.1-8B": Shape(32, 4096, 32, 8, 128, 14336, 128256),
    "Llama-3.2-3B": Shape(28, 3072, 24, 8, 128, 8192, 128256, tied=True),
    "Llama-3.2-1B": Shape(16, 2048, 32, 8, 64, 8192, 128256, tied=True),
    "Llama-2-7B": Shape(32, 4096, 32, 32, 128, 11008, 32000),
    "Llama-2-13B": Shape(40, 5120, 40, 40, 128, 13824, 32000),
    "Llama-2-70B": Shape(80, 8192, 64, 8, 128, 28672, 32000),
    "Mistral-7B": Shape(32, 4096, 32, 8, 128, 14336, 32000),
    "TinyLlama-1.1B": Shape(22, 2048, 32, 4, 64, 5632, 32000),
    "gemma-2b": Shape(18, 2048, 8, 1, 256, 16384, 256000, tied=True),
    "phi-1.5": Shape(24, 2048, 32, 32, 64, 8192, 51200, gated=False),
    "phi-2": Shape(32, 2560, 32, 32, 80, 10240, 51200, gated=False),
    "StableLM-3B": Shape(16, 4096, 32, 32, 128, 16384, 50432, gated=False),
}
OPTIMIZERS = {"adamw": "adamw", "adamw8bit": "adamw_8bit", "paged_adamw8bit": "paged_adamw_8bit"}


class Measured(NamedTuple):
    """One row: its run, and the peak in bytes."""

    source: str
    method: str
    run: Run
    peak: float


def measured() -> list[Measured]:
    """Every row whose checkpointing is certain."""
    rows = [row for row in csv.DictReader(MEASURED.open()) if not row["checkpointing"].endswith("?")]
    return [
        Measured(row["source"], row["method"], measured_run(row), float(row["peak_gb_per_gpu"]) * 1e9)
        for row in rows
    ]


def measured_run(row: Mapping[str, str]) -> Run:
    """The run of one row."""
    source, method = row["source"], row["method"]
    counts = row["counts"]
    kind = (
        "allocated" if counts.startswith("allocated") else "reserved" if "reserved" in counts else "process"
    )
    is_qwen = source == "Qwen README"
    precision = "bf16"
    if method == "full":
        precision = {"Qwen README": "deepspeed", "torchtitan": "fsdp"}.get(source, "bf16")
    weights = row["weights"] if method == "qlora" else "bf16"
    settings: dict[str, Any] = {"counts": kind, "precision": precision, "weights": weights}
    return Run(
        SHAPES[row["model"]],
        method,  # type: ignore[arg-type]
        rank=int(row["rank"] or 0),
        targets="q,v" if row["targets"] == "q,v" else "all",
        batch_size=int(row["batch_size"]),
        sequence_length=int(row["sequence_length"]),
        checkpointing=row["checkpointing"],  # type: ignore[arg-type]
        optimizer=OPTIMIZERS[row["optimizer"].split(",")[0]],
        adapter_bytes=int(row["adapter_bytes"] or 2),
        framework=_framework(source, row["chunked_loss"]),
        in_half=is_qwen and method != "lora",
        accumulates=is_qwen,
        in_backward="in backward" in row["optimizer"],
        zero=int(row["zero"]),
        gpus=int(row["gpus"]),
        **settings,
    )


def _framework(source: str, loss: str) -> str:
    if source == "LitGPT resource tables":
        return "litgpt 2023"
    if "LitGPT" in source:
        return "litgpt"
    if "torch" not in source:
        return "transformers"
    return (
        "torchtune chunked" if loss == "yes" else "torchtune compiled" if "compiled" in loss else "torchtune"
    )
