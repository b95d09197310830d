"""A number of bytes that is known only once vLLM has run, with the range that servers have reported."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`low_bytes <= bytes <= high_bytes`; `rule` states how it was computed and the rule's source.

    `low_bytes` may be negative: memory that others give back meanwhile. ValueError if the three are not in that
    order or `bytes` is negative.
    """

    bytes: int
    low_bytes: int
    high_bytes: int
    rule: str

    def __post_init__(self) -> None:
        if not (self.low_bytes <= self.bytes <= self.high_bytes and self.bytes >= 0):
            raise ValueError(
                f"an estimate lies in its range, got {self.low_bytes}, {self.bytes}, {self.high_bytes}"
            )

    def plus(self, other: ByteRange) -> ByteRange:
        """The sum, end by end."""
        return ByteRange(
            self.bytes + other.bytes,
            self.low_bytes + other.low_bytes,
            self.high_bytes + other.high_bytes,
            f"{self.rule}; {other.rule}",
        )

    def at_least(self, other: ByteRange) -> ByteRange:
        """The larger of two peaks that do not occur at the same time, end by end."""
        return ByteRange(
            max(self.bytes, other.bytes),
            max(self.low_bytes, other.low_bytes),
            max(self.high_bytes, other.high_bytes),
            self.rule if self.bytes >= other.bytes else other.rule,
        )


def gib(value: float) -> int:
    """`value` GiB in bytes, rounded to a whole byte."""
    return round(value * GIB)


def exactly(bytes_: int, rule: str) -> ByteRange:
    """A number of bytes without uncertainty."""
    return ByteRange(bytes_, bytes_, bytes_, rule)
