"""Integer weights in groups: GPTQ, AWQ, compressed-tensors' packed form, bitsandbytes (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES

_INT32_BYTES = 4
_SHAPE_BYTES = 16  # weight_shape: two int64 per linear (compressed_tensors_wNa16.py)


@dataclass(frozen=True, slots=True)
class Grouped:
    """`bits` per value packed into int32, a scale per group and output in the served dtype, zero points if the scheme
    has them. `group_size` None: one group per output row."""

    bits: int
    group_size: int | None
    zero_points: bool
    activation_order: bool = False
    """GPTQ's desc_act: an index per input, and scales that are replicated on the ranks of a row-parallel layer."""
    expert_biases: bool = False
    """GPTQ's experts have biases, whether or not the checkpoint does (auto_gptq.py, 0.32)."""
    shape_bytes: int = 0
    """Bytes that compressed-tensors adds per linear layer for the unpacked shape."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        rows = sum(shape.outputs)
        whole = self.group_size is None or (self.activation_order and shape.divided_inputs)
        inputs = shape.total_inputs if whole else shape.inputs
        scaled = rows * self._groups(inputs, shape.name)
        index = shape.inputs * _INT32_BYTES if self.activation_order else 0
        values = self._packed(rows * shape.inputs)
        return values, scaled * shape.element_bytes, self._zeros(scaled), index, self.shape_bytes

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        up_rows = shape.count * shape.up_projections * shape.intermediate
        down_rows = shape.count * shape.hidden
        up_scaled = up_rows * self._groups(shape.hidden, shape.name)
        down_scaled = down_rows * self._groups(shape.intermediate, shape.name)
        shapes = 4 * shape.element_bytes if self.shape_bytes else 0
        biases = shape.up_projections * shape.intermediate + shape.hidden if self.expert_biases else 0
        index = (shape.hidden + shape.intermediate) * 2 * _INT32_BYTES if self.activation_order else 0
        return (
            self._packed(up_rows * shape.hidden),
            self._packed(down_rows * shape.intermediate),
            up_scaled * shape.element_bytes,
            down_scaled * shape.element_bytes,
            self._zeros(up_scaled),
            self._zeros(down_scaled),
            shape.count * (shapes + index),
            shape.count * biases * shape.element_bytes,
        )

    def _packed(self, values: int) -> int:
        return values * self.bits // 8

    def _zeros(self, scaled: int) -> int:
        return self._packed(scaled) if self.zero_points else 0

    def _groups(self, inputs: int, name: str) -> int:
        if self.group_size is None:
            return 1
        if inputs % self.group_size:
            raise BadInputError(
                f"{name}: a rank's share of {inputs} inputs is not a multiple of the quantization group of "
                f"{self.group_size}: vLLM refuses this tensor-parallel size"
            )
        return inputs // self.group_size


def compressed_integers(bits: int, group_size: int | None, *, symmetric: bool) -> Grouped:
    """compressed-tensors' pack-quantized form (W4A16, W8A16)."""
    return Grouped(bits, group_size, not symmetric, shape_bytes=_SHAPE_BYTES)


@dataclass(frozen=True, slots=True)
class BitsAndBytes:
    """NF4/FP4 (`bits` 4: one float32 per 64 values once vLLM has undone the double quantization) or LLM.int8
    (a float32 per row); vLLM's bitsandbytes loader, 0.17 to 0.31."""

    bits: int = 4

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        return self._tensors(sum(shape.outputs), shape.inputs)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        up = self._tensors(shape.count * shape.up_projections * shape.intermediate, shape.hidden)
        return *up, *self._tensors(shape.count * shape.hidden, shape.intermediate)

    def _tensors(self, rows: int, inputs: int) -> tuple[int, int]:
        values = rows * inputs
        if self.bits == 4:
            return values // 2, values // 64 * FLOAT32_BYTES
        return values, rows * FLOAT32_BYTES
