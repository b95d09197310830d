"""For a starting server whose model is not in our tables: the same vLLM is asked in a separate process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release
from vllm_costmeter.plugin.exact.ask import TIME_LIMIT_SECONDS, ExactUnavailableError, ask_vllm
from vllm_costmeter.plugin.exact.counting import counted_model
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest
from vllm_costmeter.plugin.exact.model_files import config_of
from vllm_costmeter.plugin.serving.served_model import path_being_served
from vllm_costmeter.sources.model_config.unknown import unknown_model

log = logging.getLogger("vllm.costmeter")


def unknown_being_served(config: Any, why: str) -> Model:
    """The model of a VllmConfig as one that no table knows, `why` in one line."""
    return unknown_model(_files(config)[0], str(config.model_config.model), why)


def counted_while_starting(
    config: Any,
    model: Model,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    release: Release,
    *,
    ask: Callable[[ExactRequest], ExactAnswer] = ask_vllm,
) -> Model:
    """`model` with vLLM's own counts of this deployment. ExactUnavailableError where it cannot be asked."""
    if config.model_config.quantization == "gguf":
        raise ExactUnavailableError("vLLM gives GGUF weights their size only when it reads their file")
    log.info(
        "costmeter: %s; asking vLLM's own code, about 15 seconds, at most %.0f",
        model.not_understood or model.id,
        TIME_LIMIT_SECONDS,
    )
    values, beside = _files(config)
    return counted_model(model, values, gpu, engine_args, release, hf_quant_config=beside, ask=ask)


def _files(config: Any) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    found = path_being_served(config)
    return (config.model_config.hf_config.to_dict(), None) if found is None else config_of(str(found))
