"""How people write GPUs: "h100", "NVIDIA-H100-80GB-HBM3", "H100 SXM:8", "8x RTX 4090"."""

from __future__ import annotations

import re

from vllm_costmeter.core.errors import BadInputError

LARGEST_COUNT = 4096
"""More GPUs than one deployment spans; above it, a count is a typing error."""

_MAKERS = re.compile(r"\b(nvidia|geforce|tesla|amd|instinct|radeon|intel)\b")
_COUNT_FIRST = re.compile(r"\s*(\d+)\s*[x×*]\s*(\S.*)", re.IGNORECASE)
_COUNT_LAST = re.compile(r"(.*\S)\s+[x×*]\s*(\d+)\s*", re.IGNORECASE)

_TWO_NUMBERS = re.compile(r"\s*(\d{1,9})\s+[x×*]\s*(\d{1,9})\s*", re.IGNORECASE)


def without_makers(name: str) -> str:
    """The casefolded `name` without NVIDIA, GeForce, AMD and the like."""
    return _MAKERS.sub(" ", name)


def folded_name(name: str) -> str:
    """The name without maker, case, spaces and punctuation: equal for all spellings of one GPU."""
    return re.sub(r"[^a-z0-9]", "", _MAKERS.sub("", name.casefold().replace("-", " ").replace("_", " ")))


def split_count(text: str) -> tuple[str, int]:
    """("H100 SXM", 8) from "H100 SXM:8", "8x H100 SXM" or "H100 SXM x8"; a name alone counts as 1.

    BadInputError for an empty name, a count that is not a whole number from 1 to 4096, and two counts.
    """
    if "," in text:
        raise BadInputError(f"{text!r} names several GPUs: give one; `costmeter matrix --gpus` takes a list")
    name, colon, last = text.partition(":")
    counts = [last.strip()] if colon else []
    numbers = _TWO_NUMBERS.fullmatch(name)  # of "8x 4090" and "4090 x 8" the smaller number is the count
    order = [(_COUNT_FIRST, 1), (_COUNT_LAST, 2)]
    if numbers and int(numbers[2]) < int(numbers[1]):
        order = order[1:]
    for pattern, count_group in order:
        found = pattern.fullmatch(name)
        if found:
            name, count = found[3 - count_group], found[count_group]
            counts.append(count)
    name = name.strip()
    if not name:
        raise BadInputError(f"{text!r} names no GPU: give a name like 'RTX 4090' or 'H100 SXM:8'")
    if len(counts) > 1:
        raise BadInputError(f"{text!r} has two counts: write 'H100 SXM:8' or '8x H100 SXM'")
    if not counts:
        return name, 1
    if not (counts[0].isascii() and counts[0].isdecimal()) or len(counts[0]) > 9:
        raise BadInputError(
            f"the number of GPUs in {text!r} must be a whole number from 1 to {LARGEST_COUNT}"
        )
    count_value = int(counts[0])
    if not 1 <= count_value <= LARGEST_COUNT:
        raise BadInputError(f"the number of GPUs in {text!r} must be from 1 to {LARGEST_COUNT}")
    return name, count_value
