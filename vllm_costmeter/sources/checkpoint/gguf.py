"""The header of one GGUF file: its metadata and the totals of its tensors."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, unreadable
from vllm_costmeter.core.model.checkpoint import CheckpointContents, GroupSums
from vllm_costmeter.sources.checkpoint.gguf_stream import GgufStream

MAGIC = b"GGUF"
MOST_TENSORS = 200_000
MOST_KEYS = 10_000
MOST_DIMENSIONS = 8

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    # type -> name, values per block, bytes per block: GGML_QUANT_SIZES of gguf 0.19.0, compared 2026-11-22
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The content of one file's header."""

    metadata: Mapping[str, Any]
    contents: CheckpointContents
    has_head: bool
    """Whether there is an output head in addition to the input embedding."""


def read_gguf(file: Path) -> GgufFile:
    """The header of a GGUF file. Raises BadInputError if it is not one."""
    try:
        with file.open("rb") as stream:
            return _parse(GgufStream(stream, str(file)), str(file), os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise unreadable(file, error) from None


def _parse(stream: GgufStream, name: str, file_bytes: int) -> GgufFile:
    if stream.take(len(MAGIC)) != MAGIC:
        raise stream.fault("does not begin with GGUF")
    version = stream.scalar("I")
    if version not in (2, 3):
        raise NotUnderstoodError(f"{name}: GGUF version {version} is not supported; 2 and 3 are")
    num_tensors = stream.whole(MOST_TENSORS, "tensors")
    num_keys = stream.whole(MOST_KEYS, "metadata keys")
    metadata = {stream.string(): stream.value() for _ in range(num_keys)}
    sums = GroupSums()
    has_head = False
    end = 0
    for _ in range(num_tensors):
        tensor = stream.string()
        dimensions = stream.scalar("I")
        if dimensions > MOST_DIMENSIONS:
            raise stream.fault(f"tensor {tensor[:80]!r} has {dimensions} dimensions")
        shape = [stream.scalar("Q") for _ in range(dimensions)]
        kind = stream.scalar("I")
        offset = stream.scalar("Q")
        if kind not in BLOCKS:
            raise NotUnderstoodError(
                f"{name}: tensor {tensor[:80]!r} has GGML type {kind}, which is not supported"
            )
        dtype, values_per_block, block_bytes = BLOCKS[kind]
        values = math.prod(shape)
        if values % values_per_block:
            raise stream.fault(
                f"tensor {tensor[:80]!r}: {values} values are not a whole number of {dtype} blocks"
            )
        size = values // values_per_block * block_bytes
        sums.add(tensor, dtype, size, values)
        end = max(end, offset + size)
        has_head = has_head or tensor == "output.weight"
    if stream.position + end > file_bytes:
        raise BadInputError(
            f"{name}: is {file_bytes} bytes long, but its header lists {stream.position + end}: an incomplete download?"
        )
    return GgufFile(metadata, CheckpointContents("gguf", sums.groups(), sums.num_tensors, 1), has_head)
