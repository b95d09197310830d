"""Four-bit floating-point weights: two values per byte and a scale per small group (vLLM 0.32)."""

from __future__ import annotations

from dataclasses import dataclass

from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.quantisation.scheme import FLOAT32_BYTES, PLAIN


@dataclass(frozen=True, slots=True)
class Nvfp4:
    """NVFP4: an FP8 scale per `group_size` values, a float32 scale per projection and, unless weight-only
    (`input_scale_bytes` 0), an input scale per projection (quantization/modelopt.py, compressed_tensors)."""

    group_size: int = 16
    input_scale_bytes: int = FLOAT32_BYTES

    def linear_bytes(self, shape: LinearShape) -> int:
        rows = sum(shape.outputs)
        values = rows * (shape.inputs // 2 + shape.inputs // self.group_size)
        return values + len(shape.outputs) * (FLOAT32_BYTES + self.input_scale_bytes)

    def experts_bytes(self, shape: ExpertsShape) -> int:
        up = shape.up_projections * shape.intermediate * (shape.hidden // 2 + shape.hidden // self.group_size)
        down = shape.hidden * (shape.intermediate // 2 + shape.intermediate // self.group_size)
        scales = 2 * FLOAT32_BYTES * (shape.up_projections + 1)
        return shape.count * (up + down + scales)


@dataclass(frozen=True, slots=True)
class Mxfp4:
    """MXFP4: one power-of-two byte per 32 values. Linear layers stay unquantised, as in vLLM's Mxfp4Config; each
    expert's share is rounded up to what the kernel needs (64 with Triton's, on Hopper: fused_moe/oracle/mxfp4.py)."""

    alignment: int = 64

    def linear_bytes(self, shape: LinearShape) -> int:
        return PLAIN.linear_bytes(shape)

    def experts_bytes(self, shape: ExpertsShape) -> int:
        inner = self.aligned(shape.intermediate)
        up = shape.up_projections * inner * (shape.hidden // 2 + shape.hidden // 32)
        down = shape.hidden * (inner // 2 + inner // 32)
        padded_bias = shape.up_projections * (inner - shape.intermediate) if shape.bias else 0
        return shape.count * (up + down + padded_bias * shape.element_bytes)

    def aligned(self, intermediate: int) -> int:
        return -(-intermediate // self.alignment) * self.alignment


@dataclass(frozen=True, slots=True)
class Mxfp8:
    """MXFP8: one byte per value and one power-of-two byte per 32 (quantization/modelopt.py, KMxfp8Static)."""

    def linear_bytes(self, shape: LinearShape) -> int:
        return sum(shape.outputs) * (shape.inputs + shape.inputs // 32)

    def experts_bytes(self, shape: ExpertsShape) -> int:
        up = shape.up_projections * shape.intermediate * (shape.hidden + shape.hidden // 32)
        return shape.count * (up + shape.hidden * (shape.intermediate + shape.intermediate // 32))
