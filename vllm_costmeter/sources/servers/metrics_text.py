"""A page in the Prometheus text format as samples: what a running server shows of itself."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from vllm_costmeter.core.errors import BadInputError

_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?\s*(?:#.*)?")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')


class Sample(NamedTuple):
    """One line of the page."""

    name: str
    labels: Mapping[str, str]
    value: float


class Page:
    """All samples of one page, by name; what is NaN or infinite is no sample."""

    def __init__(self, samples: list[Sample]) -> None:
        self._by_name: dict[str, list[Sample]] = {}
        for sample in filter(_is_number, samples):
            self._by_name.setdefault(sample.name, []).append(sample)

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """Those of that name whose labels hold the given ones."""
        found = self._by_name.get(name, [])
        return [each for each in found if all(each.labels.get(key) == text for key, text in labels.items())]

    def total(self, name: str, **labels: str) -> float | None:
        """Their sum; None where there is none."""
        found = self.samples(name, **labels)
        return math.fsum(each.value for each in found) if found else None


def _is_number(sample: Sample) -> bool:
    return math.isfinite(sample.value)


def parse_page(text: str, place: str) -> Page:
    """The samples of a page. BadInputError where it is something else: a web page, JSON, nothing."""
    samples = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        sample = _sample(line)
        if sample is None:
            raise BadInputError(
                f"{place} is not a metrics page ({line[:40]!r}); "
                "a vLLM server's is at http://HOST:8000/metrics"
            )
        samples.append(sample)
    if not samples:
        raise BadInputError(f"{place} is an empty page; a vLLM server's is at http://HOST:8000/metrics")
    return Page(samples)


def _sample(line: str) -> Sample | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    try:
        value = float(found[3])
    except ValueError:
        return None
    labels = {
        key: text.replace('\\"', '"').replace("\\\\", "\\") for key, text in _LABEL.findall(found[2] or "")
    }
    return Sample(found[1], labels, value)
