"""torchao checkpoints: a configuration for every linear layer, or one per name (vLLM 0.32's quantization/torchao.py;
sizes of torchao 0.18's tensors). Experts, embeddings and the output head keep their dtype: vLLM asks it for none."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.quantization.names import expression
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme

_TILE_INPUTS = 1024  # Int4TilePackedTo4dTensor pads inputs to this, torchao 0.18


@dataclass(frozen=True, slots=True)
class OneByteScaled:
    """One byte per value and a scale per block of outputs x inputs, with a zero point if the type has one."""

    scale_bytes: int
    """Of a scale; 0: one in the served dtype."""
    zero_bytes: int = 0
    block_outputs: int | None = 1
    """None: all outputs."""
    block_inputs: int | None = None
    """None: all inputs."""
    multiple: int = 1
    """Layers with a side that is not a multiple of this stay unquantized (16 for FP8's matrix product)."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        rows, inputs = sum(shape.outputs), shape.inputs
        if rows % self.multiple or inputs % self.multiple:
            return PLAIN.linear_tensors(shape)
        down, across = self.block_outputs or rows, self.block_inputs or inputs
        if rows % down or inputs % across:
            raise BadInputError(
                f"{shape.name}: a rank's share of {rows} x {inputs} is not a multiple of torchao's blocks of "
                f"{down} x {across}, so torchao refuses this tensor-parallel size"
            )
        blocks = rows // down * (inputs // across)
        return rows * inputs, blocks * (self.scale_bytes or shape.element_bytes), blocks * self.zero_bytes

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        return PLAIN.experts_tensors(shape)


@dataclass(frozen=True, slots=True)
class Int4WeightOnly:
    """Two values per byte, a scale and a zero point in 16 bits per group of inputs. A share that is not divisible into
    groups stays unquantized."""

    group_size: int
    tile_outputs: int | None = None
    """For weights packed in tiles: outputs are padded to this, inputs to 1024. None: packed without tiles."""

    def linear_tensors(self, shape: LinearShape) -> tuple[int, ...]:
        rows, inputs = sum(shape.outputs), shape.inputs
        if inputs % self.group_size:
            return PLAIN.linear_tensors(shape)
        if self.tile_outputs is None:
            scaled = rows * (inputs // self.group_size) * shape.element_bytes
            return rows * inputs // 2, scaled, scaled
        rows, inputs = _up(rows, self.tile_outputs), _up(inputs, _TILE_INPUTS)
        return rows * inputs // 2, rows * (inputs // self.group_size) * 2 * shape.element_bytes

    def experts_tensors(self, shape: ExpertsShape) -> tuple[int, ...]:
        return PLAIN.experts_tensors(shape)


@dataclass(frozen=True, slots=True)
class TorchAo:
    """Names are vLLM's own, including fused projections: the lists are not mapped from the checkpoint's."""

    skipped: frozenset[str]
    """Names, or sequences of whole words of a name."""
    exact: Mapping[str, Scheme]
    patterns: tuple[tuple[str, Scheme], ...]
    """(expression that must match the whole name, scheme); the first match applies."""
    default: Scheme
    method: str = "torchao"

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        if not self.skipped.isdisjoint(_runs(name)):
            return PLAIN
        if name in self.exact:
            return self.exact[name]
        for pattern, scheme in self.patterns:
            if expression(pattern).fullmatch(name):
                return scheme
        return self.default

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        return PLAIN

    def head_scheme(self, name: str) -> Scheme:
        return PLAIN

    def layer_key(self, index: int) -> Hashable:
        return index if self.skipped or self.exact or self.patterns else None


def _runs(name: str) -> tuple[str, ...]:
    words = name.split(".")
    ends = range(1, len(words) + 1)
    return tuple(".".join(words[start:end]) for end in ends for start in range(end))


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
