"""The notes below a table of recommended deployments."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.serving.candidates import Offer
from vllm_costmeter.core.serving.recommend import Miss
from vllm_costmeter.outputs.economics.recommend_rows import Answered, PricedRow
from vllm_costmeter.outputs.economics.recommend_words import candidate_words, miss_words


def notes_of(answered: Answered) -> list[str]:
    """What a reader must know beside the table."""
    notes = [*answered.notes, *_calibrations(answered), *_model_notes(answered.rows)]
    trace = answered.trace
    if trace is not None:
        said = f"The {trace.source} has {trace.requests:,} requests in {trace.seconds:,.0f} s"
        sized = f"sized for {trace.busy_per_second:.3g}/s, its busy minute"
        if trace.source == "server":
            sized = "its busiest time is not known: give a trace, or a higher --rate"
        notes.append(f"{said}, {trace.mean_per_second:.3g}/s on average; {sized}.")
    if any(row.deployment.row.candidate.quantization == "awq" for row in answered.rows):
        notes.append("awq: give `vllm serve` an AWQ checkpoint of this model, without --quantization q4.")
    if any(not row.deployment.row.candidate.placed.engine.gpu.is_timed for row in answered.rows):
        notes.append("GPUs of an architecture that nobody timed have a guessed range.")
    wide = [str(number) for number, row in enumerate(answered.rows, 1) if row.deployment.machines > 1]
    if wide:
        notes.append(
            f"Row{'' if len(wide) == 1 else 's'} {', '.join(wide)}: each server extends over several machines, "
            "assumed to be joined by InfiniBand: start it with Ray or --nnodes."
        )
    owned = [
        row for row in answered.rows if row.deployment.row.candidate.offer.is_owned and not row.usd_per_month
    ]
    if owned:
        notes.append("Owned GPUs without --purchase-usd and a tariff cost nothing here.")
    return [*notes, *_unused(answered)]


def _unused(answered: Answered) -> list[str]:
    """Of owned GPUs in no row: why, with what comes nearest."""
    used = {row.deployment.row.candidate.offer for row in answered.rows}
    nearest: dict[Offer, Miss] = {}
    for miss in answered.misses:  # the nearest first
        offer = miss.candidate.offer
        if offer.is_owned and offer not in used:
            nearest.setdefault(offer, miss)
    return [
        f"No row has the owned {offer.gpu.name}: {candidate_words(miss)}: {miss_words(miss, answered.wanted)}."
        for offer, miss in nearest.items()
    ]


def _model_notes(rows: Sequence[PricedRow]) -> list[str]:
    model = rows[0].deployment.row.candidate.placed.model
    notes = ["Images, video and audio in prompts are not counted."] if model.is_multimodal else []
    if model.only_named is not None:
        notes.append(
            f"The quantization ({model.only_named.name}) is known from the model's name alone: timed as unquantized. "
            "Give the checkpoint's folder."
        )
    return notes


def _calibrations(answered: Answered) -> list[str]:
    """Which rows rest on measurements."""
    found: dict[str, list[str]] = {}
    for number, row in enumerate(answered.rows, 1):
        words = row.deployment.row.candidate.placed.calibrated_by
        if words:
            found.setdefault(words, []).append(str(number))
    return [
        f"Row{'' if len(rows) == 1 else 's'} {', '.join(rows)}: {words}." for words, rows in found.items()
    ]
