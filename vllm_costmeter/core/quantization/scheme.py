"""A scheme: the bytes of one linear layer, or of one layer's experts. A quantization: the scheme of each layer."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.release import Release

FLOAT32_BYTES = 4


class Scheme(Protocol):
    """The tensors on one rank, each in bytes: weights, scales, zero points; the caller adds biases."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]: ...

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]: ...


class Quantization(Protocol):
    """The scheme of each layer of a checkpoint, by vLLM's rules for its quantization method."""

    @property
    def method(self) -> str: ...

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        """Scale parameters that the method adds to each attention layer."""
        ...

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme: ...

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme: ...

    def head_scheme(self, name: str) -> Scheme: ...

    def layer_key(self, index: int) -> Hashable:
        """Layers of the same kind with equal keys have the same schemes, so one represents all."""
        ...


@dataclass(frozen=True, slots=True)
class KernelTarget:
    """What decides how vLLM lays weights out: the GPU's generation and the release."""

    compute_capability: tuple[int, int] | None
    release: Release


@dataclass(frozen=True, slots=True)
class Plain:
    """No quantization: every value in the served dtype."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        return (shape.inputs * sum(shape.outputs) * shape.element_bytes,)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        matrix = shape.count * shape.hidden * shape.intermediate * shape.element_bytes
        return shape.up_projections * matrix, matrix


PLAIN = Plain()


@dataclass(frozen=True, slots=True)
class Unquantized:
    """The quantization of a checkpoint that has none."""

    method: str = "none"

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        return PLAIN

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        return PLAIN

    def head_scheme(self, name: str) -> Scheme:
        return PLAIN

    def layer_key(self, index: int) -> Hashable:
        return None


UNQUANTISED = Unquantized()
