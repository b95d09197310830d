"""What PyTorch's caching allocator holds for one tensor: a little more than the tensor.

Constants of c10/cuda/CUDACachingAllocator.cpp (PyTorch 2.13, 2026): blocks are multiples of 512 bytes; a tensor of
10 MiB or more gets a segment of its own, a multiple of 2 MiB, and what is left of it stays with the tensor unless it
is more than 1 MiB. Servers' logged weights show it: Qwen2.5-7B weighs 14.193 GiB and logs 14.25, Phi-4 27.309 and
27.39 (vLLM 0.19 start-up logs on H100).
"""

from __future__ import annotations

_BLOCK_BYTES = 512
_OWN_SEGMENT_BYTES = 10 << 20
_SEGMENT_STEP_BYTES = 2 << 20
_SPLIT_ABOVE_BYTES = 1 << 20


def held_bytes(tensor_bytes: int) -> int:
    """Bytes of device memory that a tensor of this size keeps from others."""
    block = _round_up(tensor_bytes, _BLOCK_BYTES)
    if block < _OWN_SEGMENT_BYTES:
        return block
    segment = _round_up(block, _SEGMENT_STEP_BYTES)
    return block if segment - block > _SPLIT_ABOVE_BYTES else segment


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
