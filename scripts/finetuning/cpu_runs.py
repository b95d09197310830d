"""Measure training steps of small models on the CPU: `python -m scripts.finetuning.cpu_runs FILE.csv`.

Needs torch, transformers, peft and bitsandbytes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from scripts.finetuning.cpu_step import Step, measured
from scripts.finetuning.small_models import FAMILIES, UNGATED_FAMILIES

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
)


def steps() -> Iterator[Step]:
    """Each setting on a Llama, then each family by method."""
    llama = Step("llama", "lora")
    for checkpointing in ("none", "full"):
        for method in ("lora", "qlora", "full"):
            for family in ("llama", "llama, no grouping", "llama, wide"):
                yield Step(family, method, checkpointing=checkpointing)
            for batch_size, length in ((1, 128), (1, 1024), (4, 512)):
                yield Step("llama", method, 16, batch_size, length, checkpointing)
        for rank in (4, 64):
            yield llama._replace(rank=rank, checkpointing=checkpointing)
    for optimizer in ("sgd", "adamw_8bit"):
        for method in ("lora", "full"):
            yield Step("llama", method, optimizer=optimizer)
    for family in FAMILIES:
        for method in ("lora", "full"):
            if family not in ("llama", "llama, no grouping", "llama, wide"):
                yield Step(family, method)
        if "llama" not in family:
            yield Step(family, "lora", checkpointing="full")


def main(path: Path) -> None:
    """Write a row per run, as soon as it is measured."""
    torch.set_num_threads(1)
    with path.open("w", newline="") as file:
        writer = None
        for step in steps():
            counted = measured(step)
            row = step._asdict() | counted._asdict() | _sizes(step.family)
            writer = writer or csv.DictWriter(file, list(row), lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
            file.flush()


def _sizes(family: str) -> dict[str, object]:
    kind, settings = FAMILIES[family]
    found: dict[str, object] = {
        "architecture": kind.removesuffix("Config") + "ForCausalLM",
        "gated": family not in UNGATED_FAMILIES,
    }
    found |= {name: settings[name] for name in (*SIZES, "vocab_size")}
    found["head_size"] = settings.get("head_dim", settings["hidden_size"] // settings["num_attention_heads"])
    return found | {"tied": settings["tie_word_embeddings"]}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
