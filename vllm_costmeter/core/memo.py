"""What was worked out already for a value."""

from __future__ import annotations

from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """Answers kept beside the value that they are of, within one process: pickled or copied with it, it is empty."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Memo, ()
