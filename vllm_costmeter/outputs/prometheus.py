"""The one file that imports prometheus_client; the rest of the outputs take what they need of it from here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString

__all__ = [
    "REGISTRY",
    "CollectorRegistry",
    "Metric",
    "MultiProcessCollector",
    "ValueFile",
    "floatToGoString",
    "generate_latest",
    "mmap_key",
]


class ValueFile:
    """A file in the format that MultiProcessCollector reads, mapped into memory and written by the library's own
    writer. A reader sees each value whole, as with the library's own files."""

    def __init__(self, path: Path) -> None:
        self._file = MmapedDict(str(path))  # type: ignore[no-untyped-call]

    def write(self, values: Iterable[tuple[str, float]], unix_seconds: float) -> None:
        """Sets the values of these keys."""
        for key, value in values:
            self._file.write_value(key, value, unix_seconds)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Unmaps it; the file stays."""
        self._file.close()  # type: ignore[no-untyped-call]
