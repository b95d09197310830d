"""Which model fits which GPU, as a table and JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vllm_costmeter.core.fit.matrix import WORKING_TOKENS, Cell
from vllm_costmeter.outputs.economics.answer import Section

SCHEMA = "costmeter.matrix/1"


def section(cells: Sequence[Cell], asked_tokens: int | None) -> Section:
    """One row per model, one column per GPU and precision. `asked_tokens` None: the default context."""
    gpus, precisions = (list(dict.fromkeys(map(of, cells))) for of in (_gpu, _precision))
    columns = [(gpu, each) for gpu in gpus for each in precisions]
    by_place = {(cell.model, cell.gpu, cell.quantization): cell for cell in cells}
    models = list(dict.fromkeys(cell.model for cell in cells))
    context = f"{asked_tokens or WORKING_TOKENS:,} tokens of context"
    return Section(
        title=f"What fits with {context}" + ("" if asked_tokens else ", or the model's own maximum if less"),
        titles=("model", *(f"{gpu} {quantization}" for gpu, quantization in columns)),
        rows=[
            (model, *(word(by_place[model, gpu, quantization]) for gpu, quantization in columns))
            for model in models
        ],
        notes=tuple(notes(cells)),
    )


def notes(cells: Sequence[Cell]) -> Iterator[str]:
    """The meaning of the words that occur in these cells."""
    if any(cell.verdict == "tight" for cell in cells):
        yield "tight: whether it starts depends on memory use that is known only once it runs."
    if any(_longest(cell).startswith("max ") for cell in cells):
        yield "max: the longest context that certainly fits."
    if any(cell.max_num_seqs_that_fits is not None for cell in cells):
        yield "--max-num-seqs: the largest value with which it certainly fits; vLLM's default is higher."


def _gpu(cell: Cell) -> str:
    return cell.gpu


def _precision(cell: Cell) -> str:
    return cell.quantization


def word(cell: Cell) -> str:
    """ "fits", "tight (max 8,016)", "no (max 3,952)", "no (--max-num-seqs 99)", "no", "unknown"."""
    said = "no" if cell.verdict == "refused" else cell.verdict
    return f"{said} ({_longest(cell)})" if _longest(cell) else said


def sentence(cell: Cell) -> str:
    """ "Llama 3.3 70B Q4 does not fit with 8,192 tokens of context: the weights alone need ..."."""
    said = {"fits": "fits", "tight": "is tight", "refused": "does not fit"}.get(cell.verdict)
    name = f"{cell.model} {cell.quantization}"
    if said is None:
        return f"{name} is not understood: {cell.message}"
    shorter = f" ({_longest(cell)})" if _longest(cell) and cell.max_num_seqs_that_fits is None else ""
    why = f": {cell.message}" if cell.message else "."
    return f"{name} {said} with {cell.asked_tokens:,} tokens of context{shorter}{why}"


def _longest(cell: Cell) -> str:
    """What fits instead: a shorter context, or fewer requests."""
    if cell.max_num_seqs_that_fits is not None:
        return f"--max-num-seqs {cell.max_num_seqs_that_fits}"
    is_shorter = cell.verdict in ("tight", "refused") and cell.longest_tokens
    return f"max {cell.longest_tokens:,}" if is_shorter else ""


def values(cells: Sequence[Cell], asked_tokens: int | None) -> dict[str, Any]:
    """Every cell with its reason."""
    return {"asked_tokens": asked_tokens or WORKING_TOKENS, "cells": [cell_values(cell) for cell in cells]}


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
    if cell.max_num_seqs_that_fits is not None:
        found["max_num_seqs_that_fits"] = cell.max_num_seqs_that_fits
    if cell.reason:
        found["reason"] = cell.reason
    if cell.message:
        found["message"] = cell.message
    return found
