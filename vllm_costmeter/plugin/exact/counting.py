"""A model with the installed vLLM's own counts for one deployment in place of our tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import LAYOUT_FLAGS, EngineArgs
from vllm_costmeter.core.engine.flags import Effect
from vllm_costmeter.core.fit.vllm_counts import CountedWeights, ExactFacts
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.model import Model, Sizes
from vllm_costmeter.core.release import Release, release_of_build
from vllm_costmeter.plugin.exact.ask import ExactUnavailableError, ask_vllm
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest, ModelFacts
from vllm_costmeter.plugin.exact.model_files import draft_of
from vllm_costmeter.sources.vllm.installed import installed_vllm_version

_TOLD: tuple[Effect, ...] = ("weights", "kv_layout", "kv_blocks", "kv_windows", "batch")
ASSUMED_CAPABILITY = (9, 0)
"""For a GPU of which only the memory is known: Hopper, the most rented data centre generation."""


def counted_model(
    model: Model,
    config: Mapping[str, Any],
    gpu: GpuGroup,
    engine_args: EngineArgs,
    release: Release,
    *,
    hf_quant_config: Mapping[str, Any] | None = None,
    ask: Callable[[ExactRequest], ExactAnswer] = ask_vllm,
) -> Model:
    """`model`, understood or not, with weights and KV cache of `engine_args` on `gpu` as the installed vLLM, which must
    be of `release`, counts them.

    ExactUnavailableError: vLLM cannot be asked, or not for these flags.
    """
    installed = installed_vllm_version()
    if installed is not None and release_of_build(installed).number != release.number:
        raise ExactUnavailableError(f"vLLM {installed} is installed, not {release}")
    request = request_for(config, gpu, engine_args, hf_quant_config)
    draft = draft_of(engine_args)
    if draft is not None:
        request = replace(request, draft_config=draft[0], draft_hf_quant_config=draft[1])
    answer = ask(request)
    facts = ExactFacts(answer.counts, engine_args, gpu.compute_capability)
    tables = model.weights
    if isinstance(tables, CheckpointWeights):
        tables = tables.described  # whose headers lack what vLLM allocates beside them, and it counted that
    described = model if model.not_understood is None else _described(model, answer.model)
    return replace(
        described,
        weights=CountedWeights(facts, tables),
        weights_source="vllm",
        weights_error=0.0,
        counted=facts,
    )


def request_for(
    config: Mapping[str, Any],
    gpu: GpuGroup,
    engine_args: EngineArgs,
    hf_quant_config: Mapping[str, Any] | None = None,
) -> ExactRequest:
    """The deployment as vLLM's arguments: only flags that differ from their default."""
    usual = EngineArgs()
    told = {
        name: value for name, value in engine_args.affecting(*_TOLD).items() if value != getattr(usual, name)
    }
    for flag in LAYOUT_FLAGS:
        if (size := getattr(engine_args.layout, flag.field)) != flag.default:
            told[flag.field] = size
    return ExactRequest(
        config=config,
        gpu_name=gpu.name,
        gpu_memory_bytes=gpu.memory_bytes,
        compute_capability=gpu.compute_capability or ASSUMED_CAPABILITY,
        engine_arguments=told,
        hf_quant_config=hf_quant_config,
    )


def _described(model: Model, facts: ModelFacts) -> Model:
    """The model, with what our own reader did not understand taken from vLLM's configuration."""
    return replace(
        model,
        architecture=facts.architecture,
        dtype=facts.dtype,
        quantization=facts.quantization,
        max_model_len=facts.max_model_len,
        default_max_model_len=facts.max_model_len,
        sizes=Sizes(
            hidden_size=facts.hidden_size,
            vocab_size=facts.vocab_size,
            num_hidden_layers=facts.num_hidden_layers,
            num_attention_heads=facts.num_attention_heads,
            num_key_value_heads=facts.num_key_value_heads,
            head_size=facts.head_size,
            intermediate_size=facts.intermediate_size,
            moe_intermediate_size=facts.moe_intermediate_size,
            num_experts=facts.num_experts,
            num_experts_per_token=facts.num_experts_per_token,
        ),
        is_moe=facts.num_experts > 0,
        is_multimodal=facts.is_multimodal,
        is_pooling=facts.is_pooling,
        is_encoder_decoder=facts.is_encoder_decoder,
        is_hybrid=facts.is_hybrid,
    )
