"""The answer of `costmeter finetune`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.dataclass import asdict, dataclass
from vllm_costmeter.core.finetuning.judge import Judged
from vllm_costmeter.core.finetuning.memory import FinetuningBytes
from vllm_costmeter.core.finetuning.rate import FEWEST_TOKENS, TokenRate
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.finetuning.verdict import Verdict
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.pricing.currency import USD
from vllm_costmeter.core.pricing.money import written
from vllm_costmeter.outputs.economics.answer import Section, amount, span

SCHEMA = "costmeter.finetune/1"
MOST_PRICES = 6
"""Whose sources the text names."""
WORDS = {"states": "optimizer states", "recomputed": "one block, recomputed", "overhead": "overheads"}


@dataclass(frozen=True, slots=True)
class Row:
    """One GPU."""

    judged: Judged
    rate: TokenRate | None = None
    """None: not asked for, or not known."""
    usd_per_hour: Fraction | None = None
    """Of all GPUs; None: not asked for, or no price is known."""
    price: str = ""

    @property
    def gpu(self) -> str:
        """Its name."""
        return self.judged.gpu.name

    @property
    def verdict(self) -> Verdict:
        """On this GPU."""
        return self.judged.verdict


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
        "tensor_parallel_size": run.tensor_parallel_size,
        "gpus": run.gpus,
        "trained_parameters": run.trained,
        "bytes_per_gpu": {key: round(value) for key, value in asdict(parts).items()},
        "peak_bytes_per_gpu": round(parts.peak),
        "tokens": tokens,
        "verdicts": [_row_values(row, tokens) for row in rows],
    }


def judged_values(judged: Judged) -> dict[str, Any]:
    """The verdict on one GPU, for JSON."""
    found: dict[str, Any] = {
        "gpu": judged.gpu.name,
        "memory_bytes": judged.gpu.memory_bytes,
        "verdict": judged.verdict,
    }
    if judged.reason is not None:
        found["reason"] = judged.reason
    if judged.message:
        found["message"] = judged.message
    return found | {
        "changes": [{"flags": each.flags, "peak_bytes_per_gpu": round(each.peak)} for each in judged.changes]
    }


def _row_values(row: Row, tokens: int | None) -> dict[str, Any]:
    found = judged_values(row.judged)
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
    listed = [(WORDS.get(key, key), gigabytes(value)) for key, value in asdict(parts).items() if value]
    is_loss = parts.at_loss >= parts.recomputed + max(parts.activations, parts.gradients)
    of_peak = "at the loss" if is_loss else "in the backward pass"
    about = f"{name}, {run.method}, {run.batch_size} x {run.sequence_length:,} tokens per GPU"
    memory = Section(
        f"{about}{f', ZeRO {run.zero}' if run.zero else ''}",
        ("per GPU", "GB"),
        [*listed, (f"peak, {of_peak}", gigabytes(parts.peak))],
        ("Estimated: not everything is held at the same time. Errors: docs/finetuning.md.",),
    )
    titles = ("GPU", "GB", "verdict", *(() if tokens is None else ("hours", "USD")))
    return [
        memory,
        Section("Verdicts", titles, [_cells(row, run, tokens) for row in rows], _notes(rows, run, tokens)),
    ]


def _cells(row: Row, run: Run, tokens: int | None) -> tuple[str, ...]:
    cells = (counted(row.gpu, run.gpus), gigabytes(row.judged.gpu.memory_bytes), row.verdict)
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
        why = row.judged.message
        notes.append(
            f"{row.gpu}: {why}; {ways(row.judged)}." if row.judged.reason != "rate" else f"{row.gpu}: {why}."
        )
    unknown = [row for row in rows if row.judged.message and row.verdict != "refused"]
    notes += [
        f"{row.gpu}: {'unknown, ' if row.verdict == 'unknown' else ''}{row.judged.message}."
        for row in unknown
    ]
    if any(row.rate is not None and row.rate.is_estimated for row in rows):
        notes.append(
            "Hours and dollars are estimated, with their range: training is taken to reach 15 to 60 % of the dense "
            "16-bit rate, as measured on the A100."
            + (" Exchange between GPUs is estimated from their link." if run.gpus > 1 else "")
        )
        if run.tokens < FEWEST_TOKENS:
            notes.append(f"Below {FEWEST_TOKENS:,} tokens per pass, runs can be slower than this range.")
    if tokens is not None:
        priced = [f"{row.gpu}: {row.price}." for row in rows if row.price]
        notes += priced[:MOST_PRICES]
        if len(priced) > MOST_PRICES:
            notes.append("The sources of the other prices: --format json.")
    return tuple(notes)


def ways(judged: Judged, before: str = "fits with ") -> str:
    """ "fits with --method qlora (43.4 GB); ..."."""
    listed = "; ".join(f"{each.flags} ({gigabytes(each.peak)} GB)" for each in judged.changes)
    return f"{before}{listed}" if listed else "no change of the settings makes it fit"


def gigabytes(value: float | None) -> str:
    """Decimal; "unknown" if it is."""
    return "unknown" if value is None else f"{value / 1e9:.1f}"
