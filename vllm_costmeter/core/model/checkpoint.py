"""Sums of a checkpoint's tensors, from the headers of its files, independent of the architecture."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass

Format = Literal["safetensors", "gguf"]
Use = Literal["weights", "head", "prediction", "table"]

DTYPE_BITS: Mapping[str, int] = {
    # names used by safetensors (`Dtype` in safetensors/src/tensor.rs, 0.8.0 of 2026)
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
FLOATS = frozenset({"F16", "BF16", "F32", "F64"})
"""Dtypes that vLLM casts to the served dtype when it copies a tensor into an unquantized parameter."""

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blk|blocks)\.(\d{1,6})\.")
_PREDICTION = re.compile(r"(?:^|\.)(?:mtp|nextn)[._]")
_TABLE = ("rotary_emb.inv_freq", "masked_bias", "attn.bias")
_HEAD = ("lm_head.weight", "output.weight")


@dataclass(frozen=True, slots=True)
class TensorGroup:
    """The sum of all tensors with the same use, layer and dtype."""

    use: Use
    layer: int | None
    dtype: str
    bytes: int
    values: int


@dataclass(frozen=True, slots=True)
class CheckpointContents:
    """All tensors of one checkpoint. The bytes of the groups add up to the files' bytes, without headers."""

    format: Format
    groups: tuple[TensorGroup, ...]
    num_tensors: int
    num_files: int

    @property
    def total_bytes(self) -> int:
        return sum(group.bytes for group in self.groups)

    @property
    def head_bytes(self) -> int:
        """Of an output head that is not quantized."""
        return sum(group.bytes for group in self.groups if group.use == "head" and group.dtype in FLOATS)

    def loaded_bytes(self, num_layers: int | None, is_tied: bool, element_bytes: int | None = None) -> int:
        """Bytes of the checkpoint that vLLM loads: without prediction layers (MTP) beyond `num_layers`,
        stored tables that vLLM computes itself, and the copy of a tied head.

        With `element_bytes` (an unquantized checkpoint) floats count in the served dtype, unless most of the
        checkpoint already has that size: then its few wider tensors are assumed to stay wide.
        """
        loaded = [group for group in self.groups if _is_loaded(group, num_layers, is_tied)]
        total = sum(group.bytes for group in loaded)
        floats = [group for group in loaded if group.dtype in FLOATS]
        if element_bytes is None or not floats:
            return total
        values: dict[int, int] = defaultdict(int)
        for group in floats:
            values[DTYPE_BITS[group.dtype] // 8] += group.values
        if max(values, key=lambda size: values[size]) == element_bytes:
            return total
        return total + sum(group.values * element_bytes - group.bytes for group in floats)


def _is_loaded(group: TensorGroup, num_layers: int | None, is_tied: bool) -> bool:
    if group.use == "head":
        return not is_tied
    beyond = num_layers is not None and group.layer is not None and group.layer >= num_layers
    return group.use == "weights" and not beyond


class GroupSums:
    """Adds tensors to groups; memory grows with the number of layers and dtypes, not of tensors."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Use, int | None, str], list[int]] = {}
        self.num_tensors = 0

    def add(self, name: str, dtype: str, bytes_: int, values: int) -> None:
        match = _LAYER.search(name)
        layer = int(match[1]) if match else None
        key = (_use_of(name, layer), layer, dtype)
        total = self._sums.get(key)
        if total is None:
            total = self._sums[key] = [0, 0]
        total[0] += bytes_
        total[1] += values
        self.num_tensors += 1

    def groups(self) -> tuple[TensorGroup, ...]:
        return tuple(TensorGroup(*key, *total) for key, total in self._sums.items())


def _use_of(name: str, layer: int | None) -> Use:
    if name.endswith(_TABLE):
        return "table"
    if layer is None and name.endswith(_HEAD):
        return "head"
    return "prediction" if ("mtp" in name or "nextn" in name) and _PREDICTION.search(name) else "weights"


def merged(contents: Iterable[CheckpointContents]) -> CheckpointContents:
    """The files of one checkpoint as one: at least one file, all of the same format."""
    files = list(contents)
    sums: dict[tuple[Use, int | None, str], list[int]] = {}
    for group in (group for each in files for group in each.groups):
        total = sums.setdefault((group.use, group.layer, group.dtype), [0, 0])
        total[0] += group.bytes
        total[1] += group.values
    return CheckpointContents(
        files[0].format,
        tuple(TensorGroup(*key, *total) for key, total in sums.items()),
        sum(each.num_tensors for each in files),
        sum(each.num_files for each in files),
    )
