"""How a dimension is divided among tensor-parallel ranks."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError


@dataclass(frozen=True, slots=True)
class Output:
    """One projection inside a fused linear: `count` units (heads, or single features) of `width` values."""

    count: int
    width: int = 1
    replicated: bool = False
    """True for key and value heads: every rank has at least one, so they repeat if ranks outnumber heads."""

    def on(self, tensor_parallel_size: int, name: str) -> int:
        if self.replicated and tensor_parallel_size >= self.count:
            divided(tensor_parallel_size, self.count, name)
            return self.width
        return divided(self.count, tensor_parallel_size, name) * self.width


def divided(total: int, ways: int, name: str) -> int:
    """`total / ways`. BadInputError if there is a remainder, which vLLM asserts against."""
    if total % ways:
        raise BadInputError(f"{name}: {total} does not divide by {ways}, so vLLM refuses this parallel size")
    return total // ways
