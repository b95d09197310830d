"""The hybrid KV cache manager, enabled where vLLM cannot have it or off where the model's layers need it."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.kv_cache.hybrid_manager import hybrid_manager
from vllm_costmeter.core.kv_cache.promotion import NeedsHybridManagerError
from vllm_costmeter.core.refusals.start import Refusal, Start


def hybrid_manager_fault(start: Start) -> Refusal | None:
    """`__post_init__` of vllm/config/vllm.py, `KVConnectorFactory.create_connector` and `unify_hybrid_kv_cache_specs`,
    0.17.0 to 0.33.0."""
    asked = start.engine_args
    found = hybrid_manager(start.model, asked, start.release)
    if found.fault is not None:
        return Refusal(
            "flags",
            found.fault,
            ({"disable_hybrid_kv_cache_manager": True},),
            is_certain=found.fault_is_certain,
        )
    if not found.is_off or not _needs_manager(start):
        return None
    by_itself = replace(asked, disable_hybrid_kv_cache_manager=None)
    cause = hybrid_manager(start.model, by_itself, start.release).cause or found.cause
    return Refusal(
        "flags",
        f"{cause} turns the hybrid KV cache manager off, and vLLM cannot serve this model's mix of layers without it",
        ({"disable_hybrid_kv_cache_manager": False},),
    )


def _needs_manager(start: Start) -> bool:
    """Whether layers of several kinds remain once windows are cached as full attention."""
    if start.model.not_understood is not None or start.model.counted is not None:
        return False
    try:
        kv_cache(
            start.model.attention,
            start.engine_args,
            kv_rules(start.release),
            max_num_batched_tokens=start.engine.max_num_batched_tokens,
            compute_capability=start.compute_capability,
        )
    except NeedsHybridManagerError:
        return True
    except (BadInputError, NotUnderstoodError):
        return False
    return False
