"""The fine-tunings in a comparison of plans."""

from __future__ import annotations

import re
from typing import Any

from vllm_costmeter.core.economics.comparison import Comparison, Line, Training
from vllm_costmeter.core.finetuning.judge import Judged
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.pricing.currency import Currency
from vllm_costmeter.outputs.economics.answer import Section, amount
from vllm_costmeter.outputs.economics.finetune_answer import gigabytes, judged_values, ways

UNCHECKED = 'Not checked whether a training without a model can be: write it as in "{}".'
EXAMPLE = "lora of Llama 3.3 70B"


def training_section(comparison: Comparison, currency: Currency) -> Section | None:
    """Their verdicts; None if no plan has a training."""
    found = [
        (each.plan.name, line)
        for each in comparison.plans
        for line in each.lines
        if line.use.purpose == "training"
    ]
    if not found:
        return None
    rows, notes = [], []
    for plan, line in found:
        training = line.training
        if training is None:
            rows.append((plan, line.use.name, "not named", "", "", "not checked"))
            notes.append(UNCHECKED.format(EXAMPLE))
            continue
        judged = training.judged
        peak = "" if judged is None else gigabytes(judged.parts.peak)
        if judged is not None and judged.run.tensor_parallel_size > 1:
            peak = ""  # of whole layers, which no GPU holds there
        cells = (_named(training), peak, gigabytes(line.gpu.memory_bytes), training.verdict)
        rows.append((plan, line.use.name, *cells))
        notes += _notes(line, training, currency)
    titles = ("plan", "GPUs", "training", "peak GB", "GPU's GB", "verdict")
    return Section("Trainings, per GPU", titles, rows, tuple(dict.fromkeys(notes)))


def training_values(training: Training) -> dict[str, Any]:
    """For JSON."""
    found: dict[str, Any] = {"model": training.model, "method": training.settings.method}
    if training.judged is None:
        return found | {"verdict": "unknown", "message": training.fault}
    judged = training.judged
    found |= judged_values(judged)
    if judged.run.tensor_parallel_size == 1:
        found["peak_bytes_per_gpu"] = round(judged.parts.peak)
    found["is_rate_estimated"] = training.is_rate_estimated
    if training.nearest is not None:
        found["cheapest_that_fits"] = {
            "gpu": {"name": training.nearest.gpu.name, "count": training.nearest.run.gpus},
            "zero": training.nearest.run.zero,
            "peak_bytes_per_gpu": round(training.nearest.parts.peak),
            "usd_per_hour": training.nearest_usd_per_hour,
        }
    return found


def _named(training: Training) -> str:
    """ "lora of Llama 3.3 70B, ZeRO 3, 1 x 2,048 tokens"."""
    settings = training.settings
    words = [f"{settings.method} of {training.model}"]
    words += [f"ZeRO {settings.zero}"] * bool(settings.zero)
    words += [f"TP {settings.tensor_parallel_size}"] * (settings.tensor_parallel_size > 1)
    return ", ".join([*words, f"{settings.batch_size} x {settings.sequence_length:,} tokens"])


def _notes(line: Line, training: Training, currency: Currency) -> list[str]:
    judged, where = training.judged, f"{line.use.name}, {training.settings.method} of {training.model}"
    if judged is None:
        return [f"{where}: unknown, {training.fault}."]
    notes = []
    if judged.verdict == "refused":
        said = f"{where}: refused, {judged.message}"
        if judged.reason != "rate":
            said += f"; {_in_words_of_a_plan(ways(judged))}"
        notes.append(f"{said}.")
    elif judged.message:
        notes.append(f"{where}: {'unknown, ' if judged.verdict == 'unknown' else ''}{judged.message}.")
    if training.nearest is not None:
        notes.append(f"{where}: as asked it fits {_nearest(training, training.nearest, currency)}.")
    if training.is_rate_estimated:
        notes.append(f"{where}: its hours are estimated; `costmeter finetune` has their range.")
    return notes


def _in_words_of_a_plan(flags: str) -> str:
    """`costmeter finetune`'s flags as a plan writes them: "--zero 3 --gpus 4" -> "zero3 on 4 GPUs"."""
    for flag, word in (
        ("method ", ""),
        ("zero ", "zero"),
        ("sequence-length ", "seq"),
        ("batch-size ", "batch"),
    ):
        flags = flags.replace(f"--{flag}", word)
    flags = (
        flags.replace("--tensor-parallel-size 1 ", "no tp, ")
        .replace("--tensor-parallel-size 1", "no tp")
        .replace("--optimizer ", "")
    )
    return re.sub(r"--gpus (\d+)", r"on \1 GPUs", flags)


def _nearest(training: Training, nearest: Judged, currency: Currency) -> str:
    zero = f" with ZeRO {nearest.run.zero}" if nearest.run.zero else ""
    words = f"{counted(nearest.gpu.name, nearest.run.gpus)}{zero} ({gigabytes(nearest.parts.peak)} GB per GPU"
    if training.nearest_usd_per_hour is None:
        return f"{words})"
    return f"{words}, {amount(training.nearest_usd_per_hour, currency)} {currency.code}/h, the least in the catalogue)"
