"""The values of a GGUF file's header, read one by one, with limits on each and on all together.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, read 2026-11-22).
"""

from __future__ import annotations

import struct
from typing import IO, Any

from vllm_costmeter.core.errors import BadInputError

LARGEST_HEADER_BYTES = 256 << 20  # tokenizers of 262,000 tokens take 10 MB (2026)
LARGEST_STRING_BYTES = 8 << 20  # chat templates stay under 100 kB (2026)
MOST_ARRAY_ITEMS = 2_000_000  # merges of the largest published tokenizer: 514,000 (2026)
MOST_READ_ITEMS = 3_000_000  # that are read one by one, of all arrays: 0.6 s per million (2026)
DEEPEST_ARRAY = 3

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")


class GgufStream:
    """Reads values in order. Raises BadInputError, which names the file, for everything the format does not allow."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self._left = LARGEST_HEADER_BYTES
        self._items_left = MOST_READ_ITEMS

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return LARGEST_HEADER_BYTES - self._left

    def fault(self, what: str) -> BadInputError:
        return BadInputError(f"{self._name}: {what}: not a GGUF file, or corrupt")

    def take(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise self.fault(f"its header is longer than {LARGEST_HEADER_BYTES >> 20} MiB")
        data = self._stream.read(count)
        if len(data) < count:
            raise self.fault("ends within its header")
        return data

    def scalar(self, letter: str) -> Any:
        return struct.unpack(f"<{letter}", self.take(struct.calcsize(f"<{letter}")))[0]

    def whole(self, most: int, what: str) -> int:
        """A 64-bit count of at most `most`."""
        value: int = self.scalar("Q")
        if value > most:
            raise self.fault(f"states {value} {what}, more than {most}")
        return value

    def string(self) -> str:
        data = self.take(self.whole(LARGEST_STRING_BYTES, "bytes in one string"))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fault("a string is not UTF-8") from None

    def value(self) -> Any:
        """One metadata value. An array is read as its length, because only tokenizers have long ones; short arrays of
        numbers (values per layer) are read as tuples."""
        return self._value(self.scalar("I"), 0)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY or depth >= DEEPEST_ARRAY:
            raise self.fault(f"a value of type {kind}")
        item, count = self.scalar("I"), self.whole(MOST_ARRAY_ITEMS, "items in one array")
        return self._array(item, count, depth)

    def _array(self, item: int, count: int, depth: int) -> Any:
        if item in _SCALARS:
            data = self.take(count * struct.calcsize(f"<{_SCALARS[item]}"))
            return struct.unpack(f"<{count}{_SCALARS[item]}", data) if count <= SHORT_ARRAY else Length(count)
        self._items_left -= count
        if self._items_left < 0:
            raise self.fault(f"states more than {MOST_READ_ITEMS} items in its arrays")
        if item == _STRING:
            self._skip_strings(count)
        else:
            for _ in range(count):
                self._value(item, depth + 1)
        return Length(count)

    def _skip_strings(self, count: int) -> None:
        """As `take(whole(...))` for each, but fast for hundreds of thousands of tokens."""
        read, length_of, most = self._stream.read, _LENGTH.unpack, LARGEST_STRING_BYTES
        before = self._left
        for _ in range(count):
            head = read(_LENGTH.size)
            length = length_of(head)[0] if len(head) == _LENGTH.size else 0
            before -= _LENGTH.size + length
            if length > most or before < 0 or len(head) < _LENGTH.size or len(read(length)) < length:
                raise self._skip_fault(head, length, before)
        self._left = before

    def _skip_fault(self, head: bytes, length: int, left: int) -> BadInputError:
        """The error of a string that could not be skipped."""
        if len(head) == _LENGTH.size and length > LARGEST_STRING_BYTES:
            return self.fault(f"states {length} bytes in one string, more than {LARGEST_STRING_BYTES}")
        if left < 0:
            return self.fault(f"its header is longer than {LARGEST_HEADER_BYTES >> 20} MiB")
        return self.fault("ends within its header")


SHORT_ARRAY = 4096
"""Numbers that are stored: no model has more layers."""


class Length(int):
    """The length of an array that was skipped."""
