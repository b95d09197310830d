"""Four-bit floating-point weights: two values per byte and a scale per small group (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES, PLAIN
from vllm_costmeter.core.quantization.schemes.fp8 import one_byte_experts

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
class Mxfp4Layout:
    """The multiples to which a kernel rounds up each expert's share, and what it adds beyond that (`mxfp4_layouts`)."""

    kernel: str
    inner_multiple: int
    hidden_multiple: int

    def rounded(self, shape: ExpertsShape) -> tuple[int, int]:
        """(hidden, intermediate)"""
        return _up(shape.hidden, self.hidden_multiple), _up(shape.intermediate, self.inner_multiple)


HOPPER_MXFP4 = Mxfp4Layout("Triton", inner_multiple=64, hidden_multiple=1)


@dataclass(frozen=True, slots=True)
class Mxfp4:
    """MXFP4: one power-of-two byte per 32 values. Linear layers stay unquantized, as in vLLM's Mxfp4Config; each
    expert's share is rounded up as the kernel requires."""

    layout: Mxfp4Layout = HOPPER_MXFP4

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        return PLAIN.linear_tensors(shape)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        hidden, inner = self.layout.rounded(shape)
        padded = shape.up_projections * (inner - shape.intermediate) + hidden - shape.hidden
        biases = shape.count * padded * shape.element_bytes if shape.bias else 0
        return *_four_bit_experts(replace(shape, hidden=hidden), inner, _MX_GROUP), biases

    def repacking_bytes(self, shape: ExpertsShape) -> int:
        """Bytes added by the conversion of loaded weights. The Triton kernel's layout on Hopper pads the values:
        hidden to 256, the rest to 128. gpt-oss-20b logs 13.64 GiB on one H100 and 7.01 on each of two (vLLM 0.19);
        computed: 13.65 and 7.04."""
        if self.layout != HOPPER_MXFP4:
            return 0
        own_hidden, own_inner = self.layout.rounded(shape)
        values = _up(shape.hidden, 256) * _up(shape.intermediate, 128) - own_hidden * own_inner
        return shape.count * (shape.up_projections + 1) * values // 2


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


@dataclass(frozen=True, slots=True)
class PackedMxfp4:
    """MXFP4 of linear layers and experts as in the checkpoint, without padding (compressed_tensors' w4a4_mxfp4)."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        if shape.inputs % _MX_GROUP:
            raise BadInputError(
                f"{shape.name}: a share of {shape.inputs} inputs is not a multiple of MXFP4's {_MX_GROUP}; vLLM refuses"
            )
        rows = sum(shape.outputs)
        return rows * shape.inputs // 2, rows * (shape.inputs // _MX_GROUP)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        return _four_bit_experts(shape, shape.intermediate, _MX_GROUP)


@dataclass(frozen=True, slots=True)
class OnlineMxfp4:
    """`--quantization mxfp4` on 16-bit weights: linear layers and experts (quantization/online/mxfp4.py). The kernel
    for the experts, and its padding, depends on the GPU and the installed libraries: only sizes that no kernel pads
    are modelled."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        return PackedMxfp4().linear_tensors(shape)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        _need_unpadded(shape, "mxfp4", hidden_multiple=256)
        return PackedMxfp4().experts_tensors(shape)


@dataclass(frozen=True, slots=True)
class OnlineNvfp4:
    """`--quantization nvfp4_per_token` on 16-bit weights: experts only, with four float32 scales each
    (quantization/online/nvfp4.py)."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        return PLAIN.linear_tensors(shape)

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        _need_unpadded(shape, "nvfp4_per_token", hidden_multiple=256 if shape.gated else 512)
        values = _four_bit_experts(shape, shape.intermediate, Nvfp4().group_size)
        return *values, shape.count * 4 * FLOAT32_BYTES


def _need_unpadded(shape: ExpertsShape, flag: str, *, hidden_multiple: int) -> None:
    if shape.hidden % hidden_multiple or shape.intermediate % 128:
        raise NotUnderstoodError(
            f"--quantization {flag}: the padding of experts of {shape.hidden} x {shape.intermediate} is not modelled"
        )


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


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
