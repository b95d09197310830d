"""The samples of a page in the Prometheus text format or OpenMetrics."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vllm_costmeter.core.errors import BadInputError

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

LONGEST_LINE = (
    16_384  # characters; the longest of tests/data/engines has 1,392, and the library is slow on long ones
)
MOST_LINES = 20_000  # of the wanted ones: a thousand data-parallel engines have half of them
WHERE = "a vLLM server's is at http://HOST:8000/metrics"


class Page:
    """All samples of one page by name, without NaN and infinite values."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: dict[str, list[Sample]] = {}
        for sample in samples:
            if math.isfinite(sample.value):
                self._by_name.setdefault(sample.name, []).append(sample)

    def samples(self, name: str) -> list[Sample]:
        """Those with that name."""
        return self._by_name.get(name, [])

    def total(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with that name and these labels; None if there are none."""
        found = [each.value for each in self._by_name.get(name, ()) if labels.items() <= each.labels.items()]
        return math.fsum(found) if found else None

    def label_values(self, name: str, label: str) -> list[str]:
        """The values of a label of that metric, in page order without repetition; none where it is missing."""
        found = (each.labels.get(label) for each in self._by_name.get(name, ()))
        return list(dict.fromkeys(value for value in found if value is not None))

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def by_label(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The sums of the samples with that name and these labels, by the value of another label."""
        sums: dict[str, float] = {}
        for each in self._by_name.get(name, ()):
            if labels.items() <= each.labels.items():
                value = each.labels.get(label, "")
                sums[value] = sums.get(value, 0.0) + each.value
        return sums


def parse_page(text: str, place: str) -> Page:
    """The samples of a page. Raises BadInputError for anything else: a web page, JSON, nothing."""
    samples: list[Sample] = []
    for line in map(str.strip, text.split("\n")):
        if line and not line.startswith("#"):
            samples += _samples(line, place)
    if not samples:
        raise BadInputError(f"{place} is an empty page; {WHERE}")
    return Page(samples)


def parse_selected(text: str, names: Iterable[str], place: str) -> Page:
    """The samples with these names, without parsing the rest: some 1 ms for an engine's page. Raises BadInputError for
    a line of theirs that is none."""
    wanted = "|".join(map(re.escape, names))
    lines = re.findall(rf"^(?:{wanted})[ \t{{].*$", text, re.MULTILINE)
    if len(lines) > MOST_LINES:
        raise BadInputError(f"{place} has {len(lines)} lines where an engine's page has some twenty")
    return Page(sample for line in lines for sample in _samples(line.strip(), place))


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
