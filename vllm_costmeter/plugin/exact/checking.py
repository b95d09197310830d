"""The check with the installed vLLM's own counts, and with the tables' where it cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vllm_costmeter.api import catalogue_offers
from vllm_costmeter.core.fit import Fit, fit
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.plan import Plan
from vllm_costmeter.core.suggest import with_suggestions
from vllm_costmeter.plugin.exact.ask import ExactUnavailableError, ask_vllm
from vllm_costmeter.plugin.exact.counting import ASSUMED_CAPABILITY, counted_model
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest
from vllm_costmeter.plugin.exact.model_files import config_of
from vllm_costmeter.sources.calibration import recall
from vllm_costmeter.sources.drafter import with_drafter
from vllm_costmeter.sources.installed import installed_vllm_version
from vllm_costmeter.sources.model_source import open_model


def check_exactly(
    model_name: str,
    gpu: Gpu,
    plan: Plan,
    revision: str | None = None,
    hub_token: str | None = None,
    *,
    ask: Callable[[ExactRequest], ExactAnswer] = ask_vllm,
) -> Fit:
    """As `api.check_plan`, with weights and KV cache as vLLM counts them. One note says where it could not be asked."""
    if plan.vllm_version is None:
        plan = replace(plan, vllm_version=installed_vllm_version())
    boots, fault = recall(gpu.name)
    gpu = replace(gpu, boots=boots)
    model = with_drafter(open_model(model_name, revision, hub_token), plan)
    try:
        config, beside = config_of(model_name, revision)
        model = counted_model(model, config, gpu, plan, hf_quant_config=beside, ask=ask)
    except ExactUnavailableError as why:
        note = f"vLLM's own counts are not available: {why}; the tables answer"
    else:
        major, minor = ASSUMED_CAPABILITY
        assumed = gpu.compute_capability is None
        note = f"vLLM was asked for a card of compute capability {major}.{minor}" if assumed else ""
    result = with_suggestions(fit(model, gpu, plan), model, gpu, plan, catalogue_offers())
    return replace(result, notes=(*result.notes, *filter(None, (fault, note))))
