"""The only file that imports prometheus_client; the other outputs import from here."""

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
    """A memory-mapped file in the format that MultiProcessCollector reads, written with the library's own writer. A
    reader never sees a partly written value, as with the library's own files."""

    def __init__(self, path: Path, keys: Iterable[str]) -> None:
        """Create a file with space for `keys`. Raises OSError if the disk is full.

        The space is allocated here by writing zeros. The library alone would create a sparse file, and on a full disk
        the first write to such a page kills the process (SIGBUS).
        """
        needed = _HEADER_BYTES + sum(len(key.encode()) + _LONGEST_ENTRY_BESIDE_ITS_KEY_BYTES for key in keys)
        with path.open("xb") as file:
            file.write(bytes(needed))
        self._file = MmapedDict(str(path))  # type: ignore[no-untyped-call]

    def write(self, values: Iterable[tuple[str, float]], unix_seconds: float) -> None:
        """Set the values of these keys, which must be among those given at the start."""
        for key, value in values:
            self._file.write_value(key, value, unix_seconds)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Unmap it; the file stays."""
        self._file.close()  # type: ignore[no-untyped-call]


_HEADER_BYTES = 8  # prometheus_client/mmap_dict.py, read in 0.20 and 0.26: the used length and its padding
_LONGEST_ENTRY_BESIDE_ITS_KEY_BYTES = (
    4 + 8 + 16
)  # same: the key's length, 1 to 8 bytes of padding, value and time
