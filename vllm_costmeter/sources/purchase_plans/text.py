"""Parse plans from the command line: "mixed = RTX 4090 160h + H100 SXM 20h training"."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.economics.use_request import PlanRequest, TrainingRequest, UseRequest
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.finetuning.run import OPTIMIZERS
from vllm_costmeter.core.finetuning.settings import METHODS, Settings
from vllm_costmeter.core.pricing.money import above_zero, share

WEEKS_PER_MONTH = Fraction(52, 12)
_SCALE = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
_NUMBER = r"([-+0-9.,eE]+)"
FORMS = (
    "160h, 40h/week, @0.55 (USD per GPU-hour), @30.75/node, 2550tok/s, 60%, 500Mtok, owned, training, min24h, by1h; "
    "a training that is checked: lora, qlora or full of MODEL, with zero3, tp8, rank64, batch4, seq4096"
)

EXAMPLE = "8x H100 SXM 10h lora zero3 of Llama 3.3 70B"
SETTING_WORDS = {
    "zero": "zero",
    "tp": "tensor_parallel_size",
    "rank": "rank",
    "batch": "batch_size",
    "seq": "sequence_length",
}
SETTINGS = ("method", "optimizer", *SETTING_WORDS.values())


def parse_plan(text: str) -> PlanRequest:
    """Parse `[NAME =] USE [+ USE]...`; the name defaults to the text. BadInputError for the first error."""
    name, equals, rest = text.partition("=")
    uses = rest if equals else text
    terms = [term.strip() for term in re.split(r"\s\+\s", uses)]
    if not all(terms):
        raise BadInputError(f"plan {text!r} has an empty part: write {'RTX 4090 160h + H100 SXM 20h'!r}")
    return PlanRequest((name if equals else uses).strip() or uses.strip(), tuple(map(parse_use, terms)))


def parse_use(text: str) -> UseRequest:
    """Parse `GPUS WORD...`; the words after the GPU, in any order, are those of `FORMS`."""
    gpus, of, model = f"{text} ".partition(" of ")
    found: dict[str, Any] = {}
    named = _peeled(model, text, found)
    words = _peeled(gpus, text, found)
    if of and not named:
        raise BadInputError(f"{text!r} names no model: write {EXAMPLE!r}")
    if not words:
        raise BadInputError(f"no GPU is named in {text!r}: write {'RTX 4090 160h'!r}")
    if any(re.search(r"\d(h|tok|%)|@", word) for word in words[1:]):  # the last word stopped the reading
        near = nearest(words[-1], (*METHODS, *OPTIMIZERS, "owned", "training"))
        raise BadInputError(f"{words[-1]!r} in {text!r} is not understood{near}; after the GPU: {FORMS}")
    settings = {key: found.pop(key) for key in SETTINGS if key in found}
    if named or settings:
        found |= {"training": _training(" ".join(named), settings, text), "purpose": _purpose(found, text)}
    return UseRequest(gpu=" ".join(words), **found)


def _peeled(part: str, text: str, found: dict[str, Any]) -> list[str]:
    """The words of a part without those of `FORMS` at its end, which are added to `found`."""
    words = part.split()
    while words and (value := _word(words[-1], text)) is not None:
        twice = next((key for key in value if key in found), None)
        if twice is not None:
            raise BadInputError(f"{text!r} says {twice.replace('_', ' ')} twice")
        found |= value
        words.pop()
    return words


def _training(model: str, settings: dict[str, Any], text: str) -> TrainingRequest:
    if not model:
        raise BadInputError(f"{text!r} names no model to train: write {EXAMPLE!r}")
    if "method" not in settings:
        raise BadInputError(f"{text!r} names no method (lora, qlora or full): write {EXAMPLE!r}")
    return TrainingRequest(model, Settings(**settings))


def _purpose(found: dict[str, Any], text: str) -> str:
    if found.get("purpose") == "serving":
        raise BadInputError(f"{text!r} is both serving and a fine-tuning: write two uses, joined by +")
    return "training"


def _word(word: str, text: str) -> dict[str, Any] | None:
    """The field and value of one word; None if it is part of the GPU's name."""
    folded = word.lower()
    if folded in ("training", "serving"):
        return {"purpose": folded}
    if folded in METHODS:
        return {"method": folded}
    if folded in OPTIMIZERS:
        return {"optimizer": folded}
    if match := re.fullmatch(r"(zero|tp|rank|batch|seq)([0-9]{1,9})", folded):
        return {SETTING_WORDS[match[1]]: _setting(match[1], int(match[2]), text)}
    if folded in ("owned", "own", "bought"):
        return {"is_owned": True}
    if match := re.fullmatch(rf"{_NUMBER}h(/week|/month)?", folded):
        hours = above_zero(match[1], f"hours in {text!r}")
        return {"hours": hours * WEEKS_PER_MONTH if match[2] == "/week" else hours}
    if match := re.fullmatch(rf"(min|by){_NUMBER}h", folded):
        key = "minimum_hours" if match[1] == "min" else "billed_by_hours"
        return {key: above_zero(match[2], f"{match[1]} in {text!r}")}
    if match := re.fullmatch(rf"@\$?{_NUMBER}(/h|/gpu|/node)?", folded):
        key = "usd_per_hour" if match[2] == "/node" else "usd_per_gpu_hour"
        return {key: above_zero(match[1], f"the price in {text!r}")}
    if match := re.fullmatch(rf"{_NUMBER}tok/s", folded):
        return {"tokens_per_second": above_zero(match[1], f"the rate in {text!r}")}
    if match := re.fullmatch(rf"{_NUMBER}([kmbgt]?)tok", folded):
        return {"tokens": above_zero(match[1], f"the tokens in {text!r}") * _SCALE[match[2]]}
    if re.fullmatch(rf"{_NUMBER}%", folded):
        return {"utilisation": share(folded, f"the utilisation in {text!r}")}
    return None


def _setting(word: str, value: int, text: str) -> int:
    if word == "zero" and value > 3:
        raise BadInputError(f"zero{value} in {text!r}: the stages are zero0 to zero3")
    if word != "zero" and value < 1:
        raise BadInputError(f"{word}{value} in {text!r}: must be 1 or more")
    return value
