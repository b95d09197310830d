"""The samples of a page in the Prometheus text format or OpenMetrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vllm_costmeter.core.errors import BadInputError

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

LONGEST_LINE = (
    16_384  # characters; the longest of tests/data/engines has 1,392, and the library is slow on long ones
)
WHERE = "a vLLM server's is at http://HOST:8000/metrics"


class Page:
    """All samples of one page by name, without NaN and infinite values."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: dict[str, list[Sample]] = {}
        for sample in samples:
            if math.isfinite(sample.value):
                self._by_name.setdefault(sample.name, []).append(sample)

    def total(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with that name and these labels; None if there are none."""
        found = [each.value for each in self._by_name.get(name, ()) if labels.items() <= each.labels.items()]
        return math.fsum(found) if found else None

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """The sums of the samples with that name, by the value of a label; {} if there are none."""
        found: dict[str, float] = {}
        for each in self._by_name.get(name, ()):
            value = each.labels.get(label, "")
            found[value] = found.get(value, 0.0) + each.value
        return found


def parse_page(text: str, place: str) -> Page:
    """The samples of a page. Raises BadInputError for anything else: a web page, JSON, nothing."""
    samples: list[Sample] = []
    for line in map(str.strip, text.split("\n")):
        if line and not line.startswith("#"):
            samples += _samples(line, place)
    if not samples:
        raise BadInputError(f"{place} is an empty page; {WHERE}")
    return Page(samples)


def _samples(line: str, place: str) -> list[Sample]:
    """The samples of one line, without the page's comments: given a counter's type, the library would rename some
    samples."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        if len(line) > LONGEST_LINE:
            raise ValueError(f"a line of {len(line)} characters")
        return [sample for family in text_string_to_metric_families(line) for sample in family.samples]
    except (ValueError, IndexError, KeyError):  # which of them depends on the library's release
        raise BadInputError(f"{place} is not a metrics page ({line[:40]!r}); {WHERE}") from None
