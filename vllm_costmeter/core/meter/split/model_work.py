"""The work per token of a model, from its shape."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.meter.split.roofline import ModelWork
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.parts import Experts
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import Release

SHORT_TOKENS, LONG_TOKENS = 4_096, 12_288
"""Two lengths many blocks apart for every layer kind: the slope between them is the bytes per token."""


def model_work(model: Model, engine_args: EngineArgs, release: Release) -> ModelWork:
    """FLOPs and bytes of one engine, all its ranks together. Routed experts are separate, because a step reads only
    those that its tokens select; their bytes are proportional to their parameters.

    Raises NotUnderstoodError for a model, or BadInputError for a layout, that the fit check does not support either.
    """
    model = model.on_gpu(KernelTarget(None, release))
    layout = engine_args.layout
    weight_bytes = sum(model.weights_bytes(engine_args)) * layout.tensor_parallel_size
    weights = _described(model)
    parameters = max(weights.parameters, 1)
    routed = sum(
        part.parameters for layer in weights.layers for part in layer.parts if isinstance(part, Experts)
    )
    sizes = model.sizes
    chosen = sizes.num_experts_per_token / sizes.num_experts if sizes.num_experts else 0.0
    expert_bytes = weight_bytes * routed // parameters
    return ModelWork(
        active_parameters=parameters - routed + int(routed * chosen),
        weight_bytes=weight_bytes - expert_bytes,
        kv_bytes_per_token=_kv_bytes_per_token(model, engine_args, release),
        expert_weight_bytes=expert_bytes,
        experts=sizes.num_experts if routed else 0,
        experts_per_token=sizes.num_experts_per_token if routed else 0,
        attention_width=sizes.num_attention_heads * sizes.head_size * sizes.num_hidden_layers,
        is_quantized=model.quantization is not None or engine_args.quantization is not None,
    )


def _described(model: Model) -> Weights:
    """The model's parts; a checkpoint may have more exact bytes."""
    weights = model.weights.described if isinstance(model.weights, CheckpointWeights) else model.weights
    if not isinstance(weights, Weights):
        raise NotUnderstoodError(f"{model.architecture}: the parts of its weights are unknown")
    return weights


def _kv_bytes_per_token(model: Model, engine_args: EngineArgs, release: Release) -> float:
    cache = kv_cache(
        model.attention,
        engine_args,
        kv_rules(release),
        max_num_batched_tokens=engine_args.max_num_batched_tokens or SHORT_TOKENS,
    )
    short, long = sum(cache.bytes_needed(SHORT_TOKENS)), sum(cache.bytes_needed(LONG_TOKENS))
    return (long - short) / (LONG_TOKENS - SHORT_TOKENS) * engine_args.layout.tensor_parallel_size
