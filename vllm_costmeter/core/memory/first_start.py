"""Additional memory of a first start, with an empty compile cache, compared with later starts.

vLLM compiles every piece with `torch._inductor.standalone_compile`, which sets
`triton.autotune_at_compile_time` (PyTorch 2.10 to 2.14; vLLM 0.17 to 0.33). Inductor then writes a tuning
block per piece and runs it on random tensors of full size, one for each argument of each kernel. The first
kernel of the first piece reads the embedding table, so the profile run allocates a copy of the table. A start
that finds its artifact (`torch_compile_cache/torch_aot_compile`) generates no code and makes no copy.

Compared with six logged pairs of first and later starts of 0.28 to 0.31: the peak agrees within 0.1 GiB.
"""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange, gib
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Version

SINCE: Version = (0, 17, 0)
TABLE_OUTSIDE_THE_GRAPH: Version = (0, 29, 0)
"""From this release on, the embedding is a custom vLLM kernel under tensor parallelism
(`ops.vocab_parallel_embedding`)."""
PINNED_SINCE, PINNED_BEFORE = (0, 27, 0), (0, 31, 0)
"""Between these releases, fragments count as used, and a small long-lived tensor can pin the copy's segment:
0.98, 0.91 and 0 times the table were logged. Older releases do not count fragments; newer ones split no large
segment in the profile run."""

PADDED_VOCABULARY = 64  # DEFAULT_VOCAB_PADDING_SIZE of vllm/model_executor/layers/vocab_parallel_embedding.py
PEAK_ERROR_GIB = 0.1
KERNEL_CODE_GIB = 0.15
"""Triton and JIT code loaded during compilation: usually 0 to 0.1 GiB."""
KERNEL_CODE_BEFORE_AMPERE_GIB = 0.7  # 0.64 seen on compute capability 7.5

_BYTES = {"float32": 4, "float": 4}


def first_start_peak(
    model: Model, engine: EngineConfig, engine_args: EngineArgs, release: Version, *, is_first_rank: bool
) -> ByteRange | None:
    """Peak bytes of compilation on one pipeline rank; None if nothing is compiled or before `SINCE`."""
    if engine_args.enforce_eager or release < SINCE:
        return None
    width = _BYTES.get(engine.dtype, 2) * model.sizes.hidden_size
    table = _table_bytes(model, engine, engine_args, release) if is_first_rank else 0
    peak = table + 2 * width * engine.max_num_batched_tokens
    return ByteRange(
        peak, peak, peak + gib(PEAK_ERROR_GIB), "compiling: a copy of the embedding table and two batches"
    )


def first_start_residue(
    model: Model,
    engine: EngineConfig,
    engine_args: EngineArgs,
    release: Version,
    gpu: GpuGroup,
    *,
    is_first_rank: bool,
) -> ByteRange:
    """Bytes still in use after compilation: kernel code and, in some releases, the copy's segment."""
    table = 0
    if is_first_rank and PINNED_SINCE <= release < PINNED_BEFORE:
        table = _table_bytes(model, engine, engine_args, release)
    is_older_gpu = gpu.compute_capability is not None and gpu.compute_capability < (8, 0)
    code = gib(KERNEL_CODE_BEFORE_AMPERE_GIB if is_older_gpu else KERNEL_CODE_GIB)
    return ByteRange(table // 2, 0, table + code, "kernels compiled at the first start")


def _table_bytes(model: Model, engine: EngineConfig, engine_args: EngineArgs, release: Version) -> int:
    """One rank's embedding table in bytes; 0 if the compiled graph receives embeddings (multimodal)."""
    ranks = engine.layout.tensor_parallel_size
    if ranks > 1 and release >= TABLE_OUTSIDE_THE_GRAPH:
        return 0
    if model.is_multimodal and not model.weights.leaves_towers_out(engine_args):
        return 0
    rows = -(-model.sizes.vocab_size // PADDED_VOCABULARY) * PADDED_VOCABULARY
    return rows // ranks * model.sizes.hidden_size * _BYTES.get(engine.dtype, 2)
