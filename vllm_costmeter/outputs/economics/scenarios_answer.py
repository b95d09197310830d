"""The answer of `costmeter scenarios`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.pricing.currency import USD
from vllm_costmeter.core.pricing.money import written
from vllm_costmeter.outputs.economics.answer import Section, amount
from vllm_costmeter.outputs.economics.finetune_answer import Row
from vllm_costmeter.outputs.economics.recommend_rows import Answered, PricedRow
from vllm_costmeter.outputs.economics.recommend_words import copies, miss_words

SCHEMA = "costmeter.scenarios/1"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to do it."""

    gpu: str
    count: int
    how: str
    """ "3 x 1 GPU, fp8", or "0.3 h"."""
    usd: Fraction
    """Of a month of serving, or of the whole training."""
    price: str
    is_tight: bool = False

    @property
    def named(self) -> str:
        """ "3x RTX 4090"."""
        return counted(self.gpu, self.count)


@dataclass(frozen=True, slots=True)
class Answer:
    """One scenario."""

    question: str
    command: str
    best: Choice | None = None
    other: Choice | None = None
    """The cheapest with another kind of GPU."""
    why: str = ""
    """What limits the best, or why there is none."""
    unit: str = ""
    is_unknown: bool = False


def served(question: str, command: str, answered: Answered) -> Answer:
    """The cheapest GPUs for a load."""
    found = [_serving(row) for row in answered.rows]
    if not found:
        why = answered.why or next((miss_words(each, answered.wanted) for each in answered.misses), "")
        return Answer(question, command, why=f"nothing serves it: {why}")
    limit = answered.rows[0].deployment.row.limit
    return _ranked(question, command, found, f"limit: {limit}", "a month")


def trained(question: str, command: str, run: Run, rows: Sequence[Row], tokens: int) -> Answer:
    """The cheapest GPUs for a fine-tuning."""
    found = []
    for row in rows:
        if row.verdict in ("fits", "tight") and row.rate is not None and row.usd_per_hour is not None:
            hours = row.rate.hours(tokens)[0]
            how = f"{written(hours, 1)} h{' (memory is tight)' if row.verdict == 'tight' else ''}"
            usd = hours * row.usd_per_hour
            found.append(Choice(row.gpu, run.gpus, how, usd, row.price, row.verdict == "tight"))
    if not found:
        return Answer(
            question,
            command,
            why="; ".join(f"{row.gpu}: {row.judged.message or 'no price is known'}" for row in rows[:2]),
            is_unknown=bool(rows) and all(row.verdict == "unknown" for row in rows),
        )
    found.sort(key=lambda each: (each.is_tight, each.usd))
    refused = [row.gpu for row in rows if row.verdict == "refused"]
    why = f"does not fit: {', '.join(refused)}" if 0 < len(refused) <= 2 else ""
    return _ranked(question, command, found, why, "in all")


def _serving(row: PricedRow) -> Choice:
    found = row.deployment.row
    how = f"{copies(row.deployment)}, {found.candidate.quantization}"
    return Choice(found.candidate.gpu.name, found.gpus, how, row.usd_per_month, row.price_words)


def _ranked(question: str, command: str, found: Sequence[Choice], why: str, unit: str) -> Answer:
    best = found[0]
    other = next((each for each in found if each.gpu != best.gpu), None)
    return Answer(question, command, best, other, why, unit)


def values(answers: Sequence[Answer]) -> dict[str, Any]:
    """The JSON document's fields."""
    return {
        "scenarios": [
            {
                "question": each.question,
                "command": each.command,
                "best": _choice_values(each.best),
                "other": _choice_values(each.other),
                "usd_is": each.unit or None,
                "why": each.why or None,
            }
            for each in answers
        ]
    }


def _choice_values(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    return {
        "gpu": {"name": choice.gpu, "count": choice.count},
        "how": choice.how,
        "usd": choice.usd,
        "price": choice.price,
        "tight": choice.is_tight,
    }


def sections(answers: Sequence[Answer]) -> list[Section]:
    """The table, and the commands that have the details."""
    rows = [
        (
            each.question,
            each.best.named if each.best else "unknown" if each.is_unknown else "none",
            each.best.how if each.best else "",
            f"{amount(each.best.usd, USD)} {each.unit}" if each.best else "",
            f"{each.other.named}: {amount(each.other.usd, USD)}" if each.other else "",
            each.why,
        )
        for each in answers
    ]
    prices = dict.fromkeys(
        f"{choice.gpu}: {choice.price}." for each in answers for choice in (each.best, each.other) if choice
    )
    notes = (
        "Rates are estimated, not measured, and the loads are examples: state yours. The commands below have the rest.",
        *prices,
    )
    titles = ("use", "best", "how", "USD", "next kind of GPU", "why")
    return [
        Section("Which GPU for what", titles, rows, notes),
        Section("Details", ("use", "command"), [(each.question, each.command) for each in answers]),
    ]
