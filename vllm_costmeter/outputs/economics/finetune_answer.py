"""The answer of `costmeter finetune`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.dataclass import asdict, dataclass
from vllm_costmeter.core.finetuning.memory import FinetuningBytes
from vllm_costmeter.core.finetuning.rate import FEWEST_TOKENS, TokenRate
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.finetuning.verdict import Change, Verdict
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.pricing.currency import USD
from vllm_costmeter.core.pricing.money import written
from vllm_costmeter.outputs.economics.answer import Section, amount, span

SCHEMA = "costmeter.finetune/1"
MOST_PRICES = 6
"""Whose sources the text names."""
WORDS = {"states": "optimizer states", "overhead": "overheads"}


@dataclass(frozen=True, slots=True)
class Row:
    """One GPU."""

    gpu: str
    memory_bytes: int
    verdict: Verdict
    changes: Sequence[Change]
    rate: TokenRate | None = None
    """None: not asked for, or not known."""
    usd_per_hour: Fraction | None = None
    """Of all GPUs; None: not asked for, or no price is known."""
    price: str = ""
    message: str = ""
    """Why the verdict is unknown."""


def values(
    name: str, run: Run, parts: FinetuningBytes, rows: Sequence[Row], tokens: int | None
) -> dict[str, Any]:
    """The JSON document's fields."""
    return {
        "model": name,
        "method": run.method,
        "rank": None if run.method == "full" else run.rank,
        "batch_size": run.batch_size,
        "sequence_length": run.sequence_length,
        "gradient_checkpointing": run.checkpointing != "none",
        "optimizer": run.optimizer,
        "zero": run.zero,
        "gpus": run.gpus,
        "trained_parameters": run.trained,
        "bytes_per_gpu": {key: round(value) for key, value in asdict(parts).items()},
        "peak_bytes_per_gpu": round(parts.peak),
        "tokens": tokens,
        "verdicts": [_row_values(row, tokens) for row in rows],
    }


def _row_values(row: Row, tokens: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"gpu": row.gpu, "memory_bytes": row.memory_bytes, "verdict": row.verdict}
    found["changes"] = [{"flags": each.flags, "peak_bytes_per_gpu": round(each.peak)} for each in row.changes]
    if row.message:
        found["message"] = row.message
    if tokens is None or row.verdict in ("refused", "unknown"):
        return found
    hours = None if row.rate is None else row.rate.hours(tokens)
    found["tokens_per_second"] = None if row.rate is None else row.rate.middle
    found["is_rate_estimated"] = None if row.rate is None else row.rate.is_estimated
    found["hours"] = None if hours is None else hours[0]
    found["hours_range"] = None if hours is None else list(hours[1:])
    found["usd_per_hour"] = row.usd_per_hour
    is_priced = hours is not None and row.usd_per_hour is not None
    found["usd"] = hours[0] * row.usd_per_hour if is_priced else None  # type: ignore[index, operator]
    found["price"] = row.price or None
    return found


def sections(
    name: str, run: Run, parts: FinetuningBytes, rows: Sequence[Row], tokens: int | None
) -> list[Section]:
    """The parts, and the GPUs."""
    listed = [(WORDS.get(key, key), _gigabytes(value)) for key, value in asdict(parts).items() if value]
    of_peak = "at the loss" if parts.activations + parts.logits >= parts.gradients else "after backward"
    about = f"{name}, {run.method}, {run.batch_size} x {run.sequence_length:,} tokens per GPU"
    memory = Section(
        f"{about}{f', ZeRO {run.zero}' if run.zero else ''}",
        ("per GPU", "GB"),
        [*listed, (f"peak, {of_peak}", _gigabytes(parts.peak))],
        ("Estimated: gradients and logits are not held at the same time. Errors: docs/finetuning.md.",),
    )
    titles = ("GPU", "GB", "verdict", *(() if tokens is None else ("hours", "USD")))
    return [
        memory,
        Section("Verdicts", titles, [_cells(row, run, tokens) for row in rows], _notes(rows, run, tokens)),
    ]


def _cells(row: Row, run: Run, tokens: int | None) -> tuple[str, ...]:
    cells = (counted(row.gpu, run.gpus), _gigabytes(row.memory_bytes), row.verdict)
    if tokens is None:
        return cells
    if row.verdict in ("refused", "unknown"):
        return (*cells, "-", "-")
    if row.rate is None:
        return (*cells, "unknown", "unknown")
    likely, least, most = row.rate.hours(tokens)
    hours, usd = written(likely, 1), "unknown"
    if row.usd_per_hour is not None:
        usd = amount(likely * row.usd_per_hour, USD)
    if row.rate.is_estimated:
        hours += f" ({span((least, most), USD, 1)})"
        if row.usd_per_hour is not None:
            usd += f" ({span((least * row.usd_per_hour, most * row.usd_per_hour), USD, 2)})"
    return (*cells, hours, usd)


def _notes(rows: Sequence[Row], run: Run, tokens: int | None) -> tuple[str, ...]:
    notes = []
    shown = [row for row in rows if row.verdict == "refused"]
    if len(shown) > 3 and len(shown) < len(rows):
        shown = []  # others fit
    for row in shown:
        ways = "; ".join(f"{each.flags} ({_gigabytes(each.peak)} GB)" for each in row.changes)
        notes.append(
            f"{row.gpu}: {f'fits with {ways}' if ways else 'no change of the settings makes it fit'}."
        )
    notes += [f"{row.gpu}: unknown, {row.message}." for row in rows if row.message]
    if any(row.rate is not None and row.rate.is_estimated for row in rows):
        notes.append(
            "Hours and dollars are estimated, with their range: training is taken to reach 15 to 60 % of the dense "
            "16-bit rate, as measured on the A100. Exchange between GPUs is not counted."
        )
        if run.tokens < FEWEST_TOKENS:
            notes.append(f"Below {FEWEST_TOKENS:,} tokens per pass, runs can be slower than this range.")
    if tokens is not None:
        priced = [f"{row.gpu}: {row.price}." for row in rows if row.price]
        notes += priced[:MOST_PRICES]
        if len(priced) > MOST_PRICES:
            notes.append("The sources of the other prices: --format json.")
    return tuple(notes)


def _gigabytes(value: float) -> str:
    return f"{value / 1e9:.1f}"
