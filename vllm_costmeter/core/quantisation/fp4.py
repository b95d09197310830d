"""Four-bit floating-point weights: two values per byte and a scale per small group (vLLM 0.32)."""

from __future__ import annotations

from dataclasses import dataclass

from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.quantisation.fp8 import one_byte_experts
from vllm_costmeter.core.quantisation.scheme import FLOAT32_BYTES, PLAIN

_MX_GROUP = 32  # OCP microscaling formats: values that share a scale


@dataclass(frozen=True, slots=True)
class Nvfp4:
    """NVFP4: an FP8 scale per `group_size` values, a float32 scale per projection and, unless weight-only
    (`input_scale_bytes` 0), an input scale per projection (quantization/modelopt.py, compressed_tensors)."""

    group_size: int = 16
    input_scale_bytes: int = FLOAT32_BYTES

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        rows = sum(shape.outputs)
        scales = len(shape.outputs) * (FLOAT32_BYTES + self.input_scale_bytes)
        return rows * (shape.inputs // 2), rows * (shape.inputs // self.group_size), scales

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        scales = 2 * FLOAT32_BYTES * (shape.up_projections + 1)
        return *_four_bit_experts(shape, shape.intermediate, self.group_size), shape.count * scales


@dataclass(frozen=True, slots=True)
class Mxfp4:
    """MXFP4: one power-of-two byte per 32 values. Linear layers stay unquantised, as in vLLM's Mxfp4Config; each
    expert's share is rounded up to what the kernel needs (64 with Triton's, on Hopper: fused_moe/oracle/mxfp4.py)."""

    alignment: int = 64

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        return PLAIN.linear_tensors(shape)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        inner = self.aligned(shape.intermediate)
        padded_bias = shape.up_projections * (inner - shape.intermediate) if shape.bias else 0
        return *_four_bit_experts(shape, inner, _MX_GROUP), shape.count * padded_bias * shape.element_bytes

    def repacking_bytes(self, shape: ExpertsShape) -> int:
        """What the Triton kernel's layout on Hopper adds to the values: hidden padded to 256, the rest to 128.
        gpt-oss-20b logs 13.64 GiB on one H100 and 7.01 on each of two (vLLM 0.19); with this 13.65 and 7.04."""
        hidden = -(-shape.hidden // 256) * 256
        inner = -(-shape.intermediate // 128) * 128
        own = shape.hidden * self.aligned(shape.intermediate)
        return shape.count * (shape.up_projections + 1) * (hidden * inner - own) // 2

    def aligned(self, intermediate: int) -> int:
        return -(-intermediate // self.alignment) * self.alignment


@dataclass(frozen=True, slots=True)
class Mxfp8:
    """MXFP8: one byte per value and one power-of-two byte per 32 (quantization/modelopt.py, KMxfp8Static)."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        rows = sum(shape.outputs)
        return rows * shape.inputs, rows * (shape.inputs // _MX_GROUP)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        up = shape.count * shape.up_projections * shape.intermediate * (shape.hidden // _MX_GROUP)
        down = shape.count * shape.hidden * (shape.intermediate // _MX_GROUP)
        return *one_byte_experts(shape), up, down


def _four_bit_experts(shape: ExpertsShape, inner: int, group_size: int) -> tuple[int, int, int, int]:
    """Values and one-byte scales of the up (and gate) and of the down matrices."""
    up_rows = shape.count * shape.up_projections * inner
    down_rows = shape.count * shape.hidden
    return (
        up_rows * (shape.hidden // 2),
        down_rows * (inner // 2),
        up_rows * (shape.hidden // group_size),
        down_rows * (inner // group_size),
    )
