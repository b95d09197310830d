"""`--num-gpu-blocks-override`: a pool of that many blocks, whatever memory allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.config import FIRST_PLANNED_BLOCKS, resolve_engine
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError

if TYPE_CHECKING:
    from vllm_costmeter.core.fit.sizing import Deployment


def with_stated_blocks(deployed: Deployment) -> Deployment:
    """The deployment with the bytes of those blocks as its pool; unchanged before 0.21, and where bytes are not known.
    Ranks with smaller blocks have more of them, and the fewest count, as in `get_kv_cache_configs`."""
    given = deployed.engine_args
    if given.num_gpu_blocks_override is None or deployed.release.number < FIRST_PLANNED_BLOCKS:
        return deployed
    model = deployed.model
    engine = resolve_engine(
        model, deployed.gpu, given, deployed.release, max_model_len=model.default_max_model_len
    )
    try:
        block_bytes = max(deployed.cache(engine).bytes_per_block, default=0)
    except (BadInputError, NotUnderstoodError):
        return deployed
    if not block_bytes:
        return deployed
    pool_bytes = block_bytes * given.num_gpu_blocks_override
    return replace(deployed, engine_args=replace(given, kv_cache_memory_bytes=pool_bytes))
