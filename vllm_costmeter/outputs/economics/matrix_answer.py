"""What fits where, as a table and as values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.fit.matrix import Cell
from vllm_costmeter.outputs.economics.answer import Section

SCHEMA = "costmeter.matrix/1"


def section(cells: Sequence[Cell], asked_tokens: int) -> Section:
    """One row per model, one column per card and precision."""
    gpus, precisions = (list(dict.fromkeys(map(of, cells))) for of in (_gpu, _precision))
    columns = [(gpu, each) for gpu in gpus for each in precisions]
    by_place = {(cell.model, cell.gpu, cell.quantization): cell for cell in cells}
    models = list(dict.fromkeys(cell.model for cell in cells))
    return Section(
        title=f"What fits, with {asked_tokens:,} tokens of context",
        titles=("model", *(f"{gpu} {quantization}" for gpu, quantization in columns)),
        rows=[
            (model, *(word(by_place[model, gpu, quantization]) for gpu, quantization in columns))
            for model in models
        ],
        notes=(
            "fits: that context, or the model's own maximum; tight: only so many tokens for sure; no: less than 2,048.",
        ),
    )


def _gpu(cell: Cell) -> str:
    return cell.gpu


def _precision(cell: Cell) -> str:
    return cell.quantization


def word(cell: Cell) -> str:
    """ "fits", "tight: 3,952", "no", "unknown"."""
    if cell.verdict == "tight" and cell.longest_tokens:
        return f"tight: {cell.longest_tokens:,}"
    return cell.verdict


def values(cells: Sequence[Cell], asked_tokens: int) -> dict[str, Any]:
    """Every cell with its reason."""
    return {"asked_tokens": asked_tokens, "cells": [cell_values(cell) for cell in cells]}


def cell_values(cell: Cell) -> dict[str, Any]:
    """One cell."""
    found: dict[str, Any] = {
        "model": cell.model,
        "gpu": cell.gpu,
        "quantization": cell.quantization,
        "verdict": cell.verdict,
        "asked_tokens": cell.asked_tokens,
        "tensor_parallel_size": cell.tensor_parallel_size,
        "pipeline_parallel_size": cell.pipeline_parallel_size,
    }
    if cell.longest_tokens is not None:
        found["max_model_len_that_fits_tokens"] = cell.longest_tokens
    if cell.reason:
        found["reason"] = cell.reason
    if cell.message:
        found["message"] = cell.message
    return found
