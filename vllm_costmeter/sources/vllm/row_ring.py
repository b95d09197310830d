"""Rows of numbers that one thread writes and another reads, in memory allocated once."""

from __future__ import annotations

import struct
from typing import Any


class RowRing:
    """The last `rows` rows. Every row is written and read atomically, in one call under the interpreter's lock.

    `row_format` is one of `struct`, in native sizes. A writer that is more than `rows` ahead of `take` overwrites the
    oldest ones, which are then lost.
    """

    __slots__ = ("_buffer", "_row", "_rows", "_taken", "_written")

    def __init__(self, row_format: str, rows: int) -> None:
        self._row = struct.Struct(row_format)
        self._rows = rows
        self._buffer = bytearray(self._row.size * rows)
        self._written = 0
        self._taken = 0

    def append(self, *values: float) -> None:
        """Add one row. Raises ValueError or `struct.error` for values that do not fit the format. Retains no object."""
        self._row.pack_into(self._buffer, self._written % self._rows * self._row.size, *values)
        self._written += 1

    def take(self, most: int) -> list[tuple[Any, ...]]:
        """Take the oldest remaining rows, at most `most`."""
        oldest = max(self._taken, self._written - self._rows)
        self._taken = min(self._written, oldest + most)
        return [self._at(position) for position in range(oldest, self._taken)]

    def since(self, least: float) -> list[tuple[Any, ...]]:
        """The newest rows, oldest first, back to the last one with a first value below `least`, without taking them."""
        found = []
        newest = self._written
        for position in range(newest - 1, max(newest - self._rows, 0) - 1, -1):
            row = self._at(position)
            if row[0] < least:
                break
            found.append(row)
        return found[::-1]

    def __len__(self) -> int:
        """Rows that `take` would return."""
        return min(self._written - self._taken, self._rows)

    def _at(self, position: int) -> tuple[Any, ...]:
        return self._row.unpack_from(self._buffer, position % self._rows * self._row.size)
