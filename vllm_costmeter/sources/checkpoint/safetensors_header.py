"""The header of one safetensors file: 8 bytes of length, JSON of that length; the tensors' bytes are never read.

The rules are those of the format's own reader (safetensors/src/tensor.rs, 0.8.0 of 2026): at most 100 MB of header,
known dtypes, offsets that follow each other without gap or overlap, from zero to the end of the file.
"""

from __future__ import annotations

import json
import math
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.checkpoint import DTYPE_BITS, CheckpointContents, GroupSums

LENGTH_BYTES = 8
LARGEST_HEADER_BYTES = 100_000_000  # MAX_HEADER_SIZE of the format
MOST_TENSORS = 200_000
"""In one file; the largest published checkpoints have 300,000 tensors in over 60 files (2026). A million would cost
seconds and most of a gigabyte to parse."""
MOST_VALUES = 10 * MOST_TENSORS
"""Commas, brackets and braces of the JSON: a tensor of three dimensions takes nine."""
MOST_DIMENSIONS = 16


def header_length(prefix: bytes, name: str, file_bytes: int | None = None) -> int:
    """Length of the JSON that follows the first 8 bytes. Raises BadInputError for an impossible length."""
    if len(prefix) < LENGTH_BYTES:
        raise BadInputError(f"{name}: {len(prefix)} bytes long, so it is not a safetensors file")
    length = int.from_bytes(prefix[:LENGTH_BYTES], "little")
    if length > LARGEST_HEADER_BYTES:
        raise BadInputError(
            f"{name}: states a header of {length} bytes, safetensors allows {LARGEST_HEADER_BYTES}: a corrupt file"
        )
    if file_bytes is not None and LENGTH_BYTES + length > file_bytes:
        raise BadInputError(f"{name}: ends within its header ({file_bytes} bytes): an incomplete download?")
    return length


def parse_header(header: bytes, name: str, data_bytes: int | None = None) -> CheckpointContents:
    """The totals of the tensors in a header. `data_bytes` is the size of the data after the header, None if unknown.

    Raises BadInputError for a header that the format does not allow.
    """
    values = _json(header, name)
    sums = GroupSums()
    spans: list[tuple[int, int]] = []
    for tensor, entry in values.items():
        if tensor == "__metadata__":
            continue
        dtype, count, begin, end = _entry(entry, tensor, name)
        if (count * DTYPE_BITS[dtype] + 7) // 8 != end - begin:
            raise BadInputError(
                f"{name}: tensor {tensor[:80]!r}: {end - begin} bytes for {count} x {dtype}: a corrupt file"
            )
        spans.append((begin, end))
        sums.add(tensor, dtype, end - begin, count)
    spans.sort()
    reached = 0
    for begin, end in spans:
        if begin != reached:
            raise BadInputError(f"{name}: tensors overlap or leave a gap at byte {begin}: a corrupt file")
        reached = end
    if data_bytes is not None and reached != data_bytes:
        raise BadInputError(
            f"{name}: contains {data_bytes} bytes of tensors, but its header lists {reached}: an incomplete download?"
        )
    return CheckpointContents("safetensors", sums.groups(), sums.num_tensors, 1)


def _json(header: bytes, name: str) -> dict[str, Any]:
    if (
        header.count(b'"data_offsets"') > MOST_TENSORS
        or sum(map(header.count, (b",", b"[", b"{"))) > MOST_VALUES
    ):
        raise BadInputError(
            f"{name}: its header lists more than {MOST_TENSORS} tensors, which is not supported"
        )
    try:
        values = json.loads(header.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadInputError(
            f"{name}: its header is not JSON in UTF-8: not a safetensors file, or corrupt"
        ) from None
    if not isinstance(values, dict):
        raise BadInputError(f"{name}: its header must be a JSON object, got a {type(values).__name__}")
    return values


def _entry(entry: Any, tensor: str, name: str) -> tuple[str, int, int, int]:
    """(dtype, number of values, begin, end) of one tensor."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [
            each for each in shape if type(each) is int
        ]  # of texts and lists a product is a longer one
        count = math.prod(numbers) if len(numbers) == len(shape) <= MOST_DIMENSIONS else -1
        well_formed = (
            dtype in DTYPE_BITS
            and type(begin) is int
            and type(end) is int
            and 0 <= begin <= end
            and min(numbers, default=0) >= 0
            and count >= 0
        )
    except (TypeError, ValueError, KeyError):
        well_formed = False
    if not well_formed:
        raise BadInputError(f"{name}: tensor {tensor[:80]!r}: {_entry_fault(entry)}")
    return dtype, count, begin, end


def _entry_fault(entry: Any) -> str:
    dtype = entry.get("dtype") if isinstance(entry, dict) else None
    if isinstance(dtype, str) and dtype not in DTYPE_BITS:
        return f"dtype {dtype[:20]!r} is not known"
    return "its entry must have dtype, shape and data_offsets"
