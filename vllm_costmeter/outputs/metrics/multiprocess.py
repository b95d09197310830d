"""The latest metric families for a server in which several API processes share one /metrics.

vLLM then serves what prometheus_client.multiprocess.MultiProcessCollector merges from the `*.db` files in
PROMETHEUS_MULTIPROC_DIR: custom collectors are not called, and a gauge object, once set, can never become absent
again. So each process writes its own files to that directory, in the library's format and with the library's writer.
While the set of samples stays the same, values are updated in place; when a sample appears or disappears, a new
complete file replaces the old one.

The library parses file names as `<kind>[_<gauge mode>]_<process>.db`. Counters and histograms are summed over
processes. Gauges use `mostrecent`, which publishes no `pid` label; it is not a `live` mode, so mark_process_dead()
leaves the file alone, and it needs a timestamp above 0.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from vllm_costmeter.outputs.metrics.exposition import Family, Labels
from vllm_costmeter.outputs.metrics.prometheus import ValueFile, floatToGoString, mmap_key

OWN_FILES = "*_costmeter*.db"
"""Ours among those of the directory."""
FILE_PREFIXES = {"counter": "counter", "gauge": "gauge_mostrecent", "histogram": "histogram"}

Value = tuple[str, float]
"""A key of the library's file format, and the value."""


class MultiprocessPublisher:
    """Writes one file per metric kind for the API process `rank`. Called by one thread."""

    def __init__(self, directory: Path, rank: int, unix_seconds: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._rank = rank
        self._unix_seconds = unix_seconds
        self._files: dict[str, tuple[list[str], ValueFile]] = {}

    def publish(self, families: Sequence[Family]) -> None:
        """Replace everything this process has published. Raises OSError if the directory is gone or full."""
        now = self._unix_seconds()
        for kind in FILE_PREFIXES:
            values = [value for family in families if family.row.kind == kind for value in _values(family)]
            keys, file = self._files.get(kind, (None, None))
            if keys != [key for key, _ in values]:
                self._replace(kind, values, now)
            elif file is not None:
                file.write(values, now)

    def _replace(self, kind: str, values: list[Value], unix_seconds: float) -> None:
        path = self._directory / f"{FILE_PREFIXES[kind]}_costmeter{self._rank}.db"
        temporary = path.with_suffix(".costmeter-tmp")  # not *.db: a scrape never reads an incomplete file
        temporary.unlink(missing_ok=True)
        try:
            file = ValueFile(temporary, [key for key, _ in values])
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        file.write(values, unix_seconds)
        os.replace(temporary, path)  # noqa: PTH105 (explicitly atomic)
        if kind in self._files:
            self._files[kind][1].close()
        self._files[kind] = ([key for key, _ in values], file)


def _values(family: Family) -> Iterable[Value]:
    row = family.row
    metric = row.name.removesuffix("_total") if row.kind == "counter" else row.name
    for labels, value in family.samples:
        yield _key(metric, row.name, labels, row.help), value
    if family.histogram is not None:
        labels, histogram = family.histogram
        bounds = (*map(floatToGoString, histogram.upper_bounds), "+Inf")
        for bound, count in zip(bounds, histogram.counts, strict=True):
            yield _key(metric, f"{row.name}_bucket", (*labels, ("le", bound)), row.help), count
        yield _key(metric, f"{row.name}_sum", labels, row.help), histogram.sum


@lru_cache(maxsize=4096)
def _key(metric: str, sample: str, labels: Labels, help_text: str) -> str:
    names = [name for name, _ in labels]
    return str(mmap_key(metric, sample, names, [value for _, value in labels], help_text))
