"""The arithmetic of fine-tuning against real training steps of small models, part by part."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from finetuning_runs import MEASURED as PUBLISHED

from vllm_costmeter.core.finetuning.blocks import MEASURED
from vllm_costmeter.core.finetuning.memory import FinetuningBytes, finetuning_bytes
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.finetuning.shape import Shape

ROWS = list(csv.DictReader(PUBLISHED.with_name("cpu_runs.csv").open()))
PAGE = (Path(__file__).parents[3] / "docs" / "finetuning.md").read_text()
LOG_PROBABILITIES = 4
"""Bytes per logit that the loss saves."""


def run_of(row: Mapping[str, str]) -> Run:
    """The row's run, its peak counted as tensors alone."""
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_size")
    sizes = [int(row[name]) for name in (*names, "intermediate_size", "vocab_size")]
    shape = Shape(*sizes, row["tied"] == "True", row["gated"] == "True", row["architecture"])
    settings: dict[str, Any] = {name: int(row[name]) for name in ("rank", "batch_size", "sequence_length")}
    weights = "nf4-dq" if row["method"] == "qlora" else "bf16"
    named: dict[str, Any] = {"checkpointing": row["checkpointing"], "optimizer": row["optimizer"]}
    return Run(shape, row["method"], weights=weights, counts="allocated", **settings, **named)  # type: ignore[arg-type]


def told(row: Mapping[str, str]) -> str:
    """The row's name in a report."""
    return (
        f"{row['family']} {row['method']} {row['checkpointing']} {row['batch_size']}x{row['sequence_length']}"
    )


def saved(run: Run, parts: FinetuningBytes) -> float:
    """What autograd keeps after the forward pass."""
    return parts.activations + run.tokens * run.shape.vocabulary * LOG_PROBABILITIES


def peak(run: Run, parts: FinetuningBytes) -> float:
    """The peak on a CPU, where AdamW is not fused: its step holds two more copies of the largest tensor."""
    copies = (
        2
        * 2.0
        * run.shape.vocabulary
        * run.shape.hidden
        * (run.method == "full" and run.optimizer == "adamw")
    )
    return max(parts.peak, parts.weights + parts.adapters + parts.states + parts.gradients + copies)


LLAMAS = [row for row in ROWS if row["architecture"] == "LlamaForCausalLM"]
FUSED = ("Phi3ForCausalLM", "Glm4ForCausalLM", "GPTNeoXForCausalLM")
"""With one matrix for several: fewer adapters than on separate ones, which the arithmetic counts."""


@pytest.mark.parametrize("row", ROWS, ids=told)
def test_weights_adapters_gradients_and_states_are_exact(row: Mapping[str, str]) -> None:
    """Within 0.2 % (norms and biases); more only where several matrices are fused, never less."""
    run = run_of(row)
    parts = finetuning_bytes(run)
    assert parts.weights == pytest.approx(int(row["weights"]), rel=0.002)
    found = {"adapters": parts.adapters, "gradients": parts.gradients}
    if row["optimizer"] != "adamw_8bit" or row["method"] == "full":  # small matrices keep FP32 states there
        found["states"] = parts.states
    for name, size in found.items():
        measured = int(row[name])
        if row["architecture"] in FUSED and row["method"] != "full":
            assert measured <= size <= 1.21 * measured, name
        else:
            assert size == pytest.approx(measured, rel=0.002, abs=1024), name


@pytest.mark.parametrize("row", LLAMAS, ids=told)
def test_a_llamas_activations_and_peak_are_exact(row: Mapping[str, str]) -> None:
    """Saved tensors within 0.3 %, the peak within 3 % (the CPU's bitsandbytes unpacks states, and is left out)."""
    run = run_of(row)
    parts = finetuning_bytes(run)
    assert saved(run, parts) == pytest.approx(int(row["saved"]), rel=0.003)
    if row["optimizer"] != "adamw_8bit":
        assert peak(run, parts) == pytest.approx(int(row["peak"]), rel=0.03)


@pytest.mark.parametrize("row", [row for row in ROWS if row["architecture"] in MEASURED], ids=told)
def test_each_measured_architecture_saves_what_the_arithmetic_says(row: Mapping[str, str]) -> None:
    """Within 6 %, and the peak within 5 %."""
    run = run_of(row)
    parts = finetuning_bytes(run)
    assert saved(run, parts) == pytest.approx(int(row["saved"]), rel=0.06)
    if row["optimizer"] != "adamw_8bit":
        assert peak(run, parts) == pytest.approx(int(row["peak"]), rel=0.05)


def test_every_architecture_of_the_table_was_measured() -> None:
    """And those that attend without the flash kernel are not in it."""
    assert {row["architecture"] for row in ROWS} - set(MEASURED) == {
        "Gemma2ForCausalLM",
        "SeedOssForCausalLM",
    }
    assert set(MEASURED) <= {row["architecture"] for row in ROWS}


def test_the_page_tells_of_these_runs() -> None:
    """How many, of how many architectures, and the range of the factors."""
    factors = [factor for block in MEASURED.values() for factor in (block.adapters, block.full)]
    assert f"{len(ROWS)} training steps" in PAGE
    assert f"{len({row['architecture'] for row in ROWS})} architectures" in PAGE
    assert f"measured factor, {min(factors)} to {max(factors)} of a Llama's" in PAGE
