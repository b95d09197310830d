"""Which GPU a spelling means: one rule for NVML's names, clouds' and labels', and what people type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from vllm_costmeter.sources.gpu.text import folded_name, without_makers

_REWRITES = (
    (re.compile(r"\b(rtx|gtx|rx)(?=[a-z0-9])"), r"\1 "),  # RTX4090, RTXA6000, RTXPRO6000
    (re.compile(r"\bpro(?=\d)"), "pro "),
    (re.compile(r"\bpro (?=w\d)"), ""),  # "W7900" says it of a Radeon PRO
    (
        re.compile(
            r"(?<=\d)(ti|super|ada|sxm\d?|pcie|nvl|xtx|xt|gre|laptop|mobile)(?=\b|\d|super|generation)"
        ),
        r" \1 ",
    ),
    # "4090" says it; "TITAN RTX" needs it, and a Quadro 6000 is ten years older than a Quadro RTX 6000
    (re.compile(r"(?<!quadro )\b(?:rtx|gtx|rx) (?=[a-z]*\d|pro\b)"), ""),
    (re.compile(r"\b(\d+) ?g(?:i?b)?\b"), r"\1gb"),  # 80G, 80 GB, 80GiB
    (re.compile(r"\bsxm\d\b"), "sxm"),
    (re.compile(r"\bmax q\b"), "maxq"),
    (re.compile(r"\bmobile\b"), "laptop"),
)
_FILLERS = {"gpu", "graphics", "generation", "edition", "card", "series", "oam", "blackwell", "r", "tm"}
_MEMORY_TYPES = {"hbm2", "hbm2e", "hbm3", "hbm3e"}


def name_words(name: str) -> frozenset[str]:
    """The words that tell one GPU from another, however they are ordered, joined or decorated.

    "RTX4070TiSUPER", "NVIDIA GeForce RTX 4070 Ti SUPER" and "4070 super ti" have the same words. A maker's or series'
    name, "Generation" and "HBM3" say nothing; SXM2 to SXM6 are one word, Mobile is Laptop.
    """
    return _words_with_memory_type(name) - _MEMORY_TYPES


def _words_with_memory_type(name: str) -> frozenset[str]:
    """The same with "HBM3", by which alone the driver's "H100 80GB HBM3" (SXM) differs from any H100 of 80 GB."""
    text = re.sub(r"[^a-z0-9+]+", " ", name.casefold())
    text = without_makers(re.sub(r"\b(nvidia|geforce|tesla|quadro)(?=[a-z]*\d)", r"\1 ", text))  # TeslaT4
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return frozenset(text.split()) - _FILLERS


def spellings(row: Mapping[str, Any]) -> list[str]:
    """Each as its sorted words: of the catalogue's name first, then of all others.

    People add the memory to any name and leave it out of the catalogue's: "RTX 4060 Ti" may be either of two. A
    driver's name keeps the type of its memory.
    """
    nominal = row.get("nominal_gb")
    value = nominal.get("value") if isinstance(nominal, Mapping) else nominal
    memory = frozenset({f"{value:g}gb"}) if isinstance(value, (int, float)) else frozenset()
    name = name_words(row["name"])
    others = [_words_with_memory_type(text) for text in row.get("driver_names", ())]
    others += [name_words(text) for text in row.get("aliases", ())]
    found = (name, name | memory, name - memory, *others, *(words | memory for words in others))
    return list(dict.fromkeys(" ".join(sorted(words)) for words in found if words))


@cache
def _words_of(spelt: str) -> frozenset[str]:
    return frozenset(spelt.split())


class GpuNames:
    """Keys of GPUs by their spellings, in the order in which they were added."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._names: dict[str, list[str]] = {}
        self._spelt: dict[str, list[str]] = {}

    def add(self, key: str, spelt: Iterable[str]) -> None:
        """`spelt` as `spellings` gives it."""
        if key not in self._keys:
            self._keys.append(key)
        for number, words in enumerate(spelt):
            for table in (self._names, self._spelt) if number == 0 else (self._spelt,):
                keys = table.setdefault(words, [])
                if key not in keys:
                    keys.append(key)

    def matching(self, text: str) -> list[str]:
        """The one GPU that `text` names, or all that it may mean, or none.

        One rule for all names: what the catalogue or a driver calls one GPU means that GPU ("RTX 4090", "NVIDIA H200");
        what is only part of several GPUs' names means each of them ("A100", "H100", "RTX 4060 Ti"). What is part of a
        single one's is not guessed.
        """
        if folded_name(text) in self._keys:
            return [folded_name(text)]
        words = _words_with_memory_type(text)
        if not self._is_spelt(words):
            words = words - _MEMORY_TYPES
        spelt = " ".join(sorted(words))
        found = set(self._names.get(spelt) or self._spelt.get(spelt) or ())
        if len(found) != 1 and words:
            found |= {key for other, keys in self._spelt.items() if words < _words_of(other) for key in keys}
            found = found if len(found) > 1 else set()
        return [key for key in self._keys if key in found]

    def _is_spelt(self, words: frozenset[str]) -> bool:
        return " ".join(sorted(words)) in self._spelt
