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
    "floatToGoString",
    "generate_latest",
    "mmap_key",
    "write_value_file",
]


def write_value_file(path: Path, values: Iterable[tuple[str, float]], unix_seconds: float) -> None:
    """A complete file of (key, value) in the format that MultiProcessCollector reads, by the library's own writer."""
    file = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    try:
        for key, value in values:
            file.write_value(key, value, unix_seconds)  # type: ignore[no-untyped-call]
    finally:
        file.close()  # type: ignore[no-untyped-call]
