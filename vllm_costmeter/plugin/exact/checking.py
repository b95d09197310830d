"""A check with the installed vLLM's own counts, and with the tables' where it cannot be asked."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.assembly import Check
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.plugin.exact.ask import ExactUnavailableError, ask_vllm
from vllm_costmeter.plugin.exact.counting import ASSUMED_CAPABILITY, counted_model
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest
from vllm_costmeter.plugin.exact.model_files import config_of


def counted_check(
    check: Check,
    model_name: str,
    revision: str | None = None,
    *,
    ask: Callable[[ExactRequest], ExactAnswer] = ask_vllm,
) -> Check:
    """The check with weights and KV cache as vLLM counts them. One note says where it could not be asked."""
    try:
        config, beside = config_of(model_name, revision)
        model = counted_model(
            check.model,
            config,
            check.gpu,
            check.engine_args,
            check.grounds.release,
            hf_quant_config=beside,
            ask=ask,
        )
    except ExactUnavailableError as why:
        return _noted(check, f"vLLM's own counts are not available: {why}; using our tables")
    if check.gpu.compute_capability is None:
        major, minor = ASSUMED_CAPABILITY
        check = _noted(check, f"vLLM was asked about a GPU of compute capability {major}.{minor}")
    return replace(check, model=model)


def _noted(check: Check, note: str) -> Check:
    return replace(check, grounds=replace(check.grounds, notes=(*check.grounds.notes, note)))
