"""Eight-bit weights: one byte per value plus scales (vLLM 0.32: quantization/fp8.py, compressed_tensors w8a8)."""

from __future__ import annotations

import math

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES

_FINEST_BLOCK = 32  # refine_fp8_moe_block_shape in vLLM 0.32's fused_moe/oracle/fp8.py


@dataclass(frozen=True, slots=True)
class EightBitPerTensor:
    """One float32 scale per fused projection; static activations add as many input scales."""

    static_input: bool = False

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        scales = len(shape.outputs) * (2 if self.static_input else 1)
        return shape.inputs * sum(shape.outputs), FLOAT32_BYTES * scales

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        scales = shape.up_projections + 1 + (2 if self.static_input else 0)
        return *one_byte_experts(shape), shape.count * FLOAT32_BYTES * scales


@dataclass(frozen=True, slots=True)
class EightBitPerChannel:
    """One float32 scale per output row; static activations add input scales."""

    static_input: bool = False

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        rows = sum(shape.outputs)
        inputs = len(shape.outputs) * FLOAT32_BYTES if self.static_input else 0
        return shape.inputs * rows, rows * FLOAT32_BYTES, inputs

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        rows = shape.up_projections * shape.intermediate + shape.hidden
        inputs = 2 * FLOAT32_BYTES if self.static_input else 0
        return *one_byte_experts(shape), shape.count * (rows * FLOAT32_BYTES + inputs)


@dataclass(frozen=True, slots=True)
class Fp8PerBlock:
    """One scale per `block_outputs` x `block_inputs` block (128 x 128 in DeepSeek V3 and its followers)."""

    block_outputs: int = 128
    block_inputs: int = 128
    scale_bytes: int = FLOAT32_BYTES
    rounds_shares: bool = False
    """Whether an expert's share is rounded up to whole blocks, as when vLLM quantizes the weights itself."""
    refines_blocks: bool = True
    """Whether experts take finer blocks where a share cuts through the checkpoint's; otherwise vLLM refuses them."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        self._check(shape)
        rows = sum(shape.outputs)
        blocks = _blocks(rows, self.block_outputs) * _blocks(shape.inputs, self.block_inputs)
        return shape.inputs * rows, blocks * self.scale_bytes

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        if self.rounds_shares:
            hidden = _blocks(shape.hidden, self.block_inputs) * self.block_inputs
            inner = _blocks(shape.intermediate, self.block_outputs) * self.block_outputs
            shape = replace(shape, hidden=hidden, intermediate=inner)
        rows, columns = self._grid(shape)
        up = shape.up_projections * _blocks(shape.intermediate, rows) * _blocks(shape.hidden, columns)
        down = _blocks(shape.hidden, rows) * _blocks(shape.intermediate, columns)
        scales = (shape.count * up * self.scale_bytes, shape.count * down * self.scale_bytes)
        return *one_byte_experts(shape), *scales

    def _grid(self, shape: ExpertsShape) -> tuple[int, int]:
        """The checkpoint's blocks, or finer ones (at least 32) if a rank's share cuts through them: vLLM 0.29 and newer
        repeat the scales at load (`refine_fp8_moe_block_shape`)."""
        own = (self.block_outputs, self.block_inputs)
        cut_inputs = shape.tensor_parallel_size > 1 and shape.intermediate % self.block_inputs
        if shape.intermediate % self.block_outputs == 0 and not cut_inputs:
            return own
        finer = math.gcd(*own, shape.intermediate, shape.hidden)
        if self.refines_blocks and finer >= _FINEST_BLOCK:
            return finer, finer
        if shape.tensor_parallel_size > 1:
            raise BadInputError(
                f"{shape.name}: an expert's share of {shape.intermediate} is not a multiple of the FP8 block of "
                f"{self.block_outputs}, so vLLM refuses this tensor-parallel size"
            )
        return own

    def _check(self, shape: LinearShape) -> None:
        """vLLM's `validate_fp8_block_shape`: splitting a matrix must not cut through its blocks, except for fused
        outputs (`_maybe_allow_fp8_block_shape_mismatch`)."""
        cuts_inputs = shape.divided_inputs and shape.inputs % self.block_inputs
        single = shape.divided_outputs and len(shape.outputs) == 1
        if cuts_inputs or (single and shape.outputs[0] % self.block_outputs):
            share = shape.inputs if cuts_inputs else shape.outputs[0]
            raise BadInputError(
                f"{shape.name}: a share of {share} cuts through FP8 blocks of {self.block_outputs} x "
                f"{self.block_inputs}, so vLLM refuses this tensor-parallel size"
            )


def one_byte_experts(shape: ExpertsShape) -> tuple[int, int]:
    """The up (and gate) and down matrices of all experts at one byte per value."""
    matrix = shape.count * shape.hidden * shape.intermediate
    return shape.up_projections * matrix, matrix


def _blocks(size: int, block: int) -> int:
    return -(-size // block)
