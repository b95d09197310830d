"""A number of bytes that vLLM only knows after it has run, with the range in which servers have reported it."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass

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

    def plus(self, other: ByteRange) -> ByteRange:
        """Both together, at the ends that they share."""
        return ByteRange(
            self.bytes + other.bytes,
            self.low_bytes + other.low_bytes,
            self.high_bytes + other.high_bytes,
            f"{self.rule}; {other.rule}",
        )

    def at_least(self, other: ByteRange) -> ByteRange:
        """The larger of two peaks that do not come together."""
        return ByteRange(
            max(self.bytes, other.bytes),
            max(self.low_bytes, other.low_bytes),
            max(self.high_bytes, other.high_bytes),
            self.rule if self.bytes >= other.bytes else other.rule,
        )


def gib(value: float) -> int:
    """Bytes of so many GiB, as servers log them."""
    return round(value * GIB)


def exactly(bytes_: int, rule: str) -> ByteRange:
    """A part without uncertainty."""
    return ByteRange(bytes_, bytes_, bytes_, rule)
