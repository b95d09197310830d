"""The check with the installed vLLM's own counts, and with the tables' where it cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vllm_costmeter.api import catalogue_offers
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import Fit, fit
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.plugin.exact.ask import ExactUnavailableError, ask_vllm
from vllm_costmeter.plugin.exact.counting import ASSUMED_CAPABILITY, counted_model
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest
from vllm_costmeter.plugin.exact.model_files import config_of
from vllm_costmeter.sources.files.calibration import recall
from vllm_costmeter.sources.models.drafter import with_drafter
from vllm_costmeter.sources.models.open import open_model
from vllm_costmeter.sources.vllm.installed import installed_vllm_version


def check_exactly(
    model_name: str,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    revision: str | None = None,
    hub_token: str | None = None,
    *,
    ask: Callable[[ExactRequest], ExactAnswer] = ask_vllm,
) -> Fit:
    """As `api.check_plan`, with weights and KV cache as vLLM counts them. One note says where it could not be asked."""
    if engine_args.vllm_version is None:
        engine_args = replace(engine_args, vllm_version=installed_vllm_version())
    boots, fault = recall(gpu.name)
    gpu = replace(gpu, boots=boots)
    model = with_drafter(open_model(model_name, revision, hub_token), engine_args)
    try:
        config, beside = config_of(model_name, revision)
        model = counted_model(model, config, gpu, engine_args, hf_quant_config=beside, ask=ask)
    except ExactUnavailableError as why:
        note = f"vLLM's own counts are not available: {why}; the tables answer"
    else:
        major, minor = ASSUMED_CAPABILITY
        assumed = gpu.compute_capability is None
        note = f"vLLM was asked for a card of compute capability {major}.{minor}" if assumed else ""
    result = with_suggestions(fit(model, gpu, engine_args), model, gpu, engine_args, catalogue_offers())
    return replace(result, notes=(*result.notes, *filter(None, (fault, note))))
