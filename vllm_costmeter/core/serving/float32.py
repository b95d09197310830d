"""Products in float32, which tensor cores do not compute: the routers of MiniMax-M2, GLM-4.5, Ernie 4.5, Step 3.5.

vLLM leaves `VLLM_FLOAT32_MATMUL_PRECISION` at "highest" (0.17 to 0.33), so that PyTorch multiplies these matrices on
the GPU's float32 units, in tiles of 128 x 128 results: one multiprocessor goes through the whole inner dimension for a
tile, however few the tiles are. For the 62 layers of MiniMax-M2 that is 13.2 ms on B200. Runs of InferenceX (2026-04)
before and after it set "high" differ by 6 to 9 ms per step with a prompt (NVFP4, 256 at once) and by 12 to 21 ms
(FP8, 64 to 256 at once, B300 before and B200 after).
"""

from __future__ import annotations

import math

from vllm_costmeter.core.dataclass import dataclass

TILE = 128
"""Rows and columns of one tile (CUTLASS's 128x128 SIMT kernel; assumed for all GPUs)."""
SPLIT_ROWS = 512
"""Up to here the inner dimension is assumed to be split, so that all multiprocessors work."""
SPLIT_SHARE = 0.5
"""Of the float32 rate, reached then; assumed."""


@dataclass(frozen=True, slots=True)
class Float32Units:
    """Of one GPU architecture."""

    per_multiprocessor: int
    """Multiply-adds in one cycle."""
    multiprocessors: int
    hertz: float
    """The clock at which NVIDIA's stated rate holds (data sheets, 2026-11): of float32 on A100 (19.5 TFLOP/s), L40S
    (91.6) and H100 SXM (67), of dense 16-bit products on B200 (2,250; 8,192 in a cycle of a multiprocessor) and RTX
    PRO 6000 Server (467.8; 1,024)."""

    def seconds(self, rows: float, inputs: int, outputs: int) -> float:
        """Of `rows` x `inputs` times `inputs` x `outputs`."""
        per_second = self.per_multiprocessor * self.hertz
        if rows <= SPLIT_ROWS:
            return rows * inputs * outputs / per_second / self.multiprocessors / SPLIT_SHARE
        tiles = math.ceil(rows / TILE) * math.ceil(outputs / TILE)
        rounds = math.ceil(tiles / self.multiprocessors)
        return rounds * TILE * TILE * inputs / per_second
