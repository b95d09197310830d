"""A number of bytes that vLLM only knows after it has run, with the range in which servers have reported it."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`low_bytes <= bytes <= high_bytes`; `rule` says how it was computed and where the rule comes from."""

    bytes: int
    low_bytes: int
    high_bytes: int
    rule: str

    def __post_init__(self) -> None:
        if not 0 <= self.low_bytes <= self.bytes <= self.high_bytes:
            raise ValueError(
                f"an estimate lies in its range, got {self.low_bytes}, {self.bytes}, {self.high_bytes}"
            )


def gib(value: float) -> int:
    """Bytes of so many GiB, as servers log them."""
    return round(value * GIB)


def exactly(bytes_: int, rule: str) -> ByteRange:
    """A part without uncertainty."""
    return ByteRange(bytes_, bytes_, bytes_, rule)
