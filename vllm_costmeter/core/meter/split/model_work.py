"""The work per token of a model, from its shape."""

from __future__ import annotations

from collections import defaultdict

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache.layers import KVKind
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.kv_cache.rules import kv_rules
from vllm_costmeter.core.meter.split.roofline import ModelWork
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.parts import Experts
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import Release

Windows = tuple[tuple[float, float], ...]


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
    kv_bytes_per_token, kv_windows, state_bytes = _cached(model, engine_args, release)
    return ModelWork(
        active_parameters=parameters - routed + int(routed * chosen),
        weight_bytes=weight_bytes - expert_bytes,
        kv_bytes_per_token=kv_bytes_per_token,
        kv_windows=kv_windows,
        state_bytes=state_bytes,
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


def _cached(model: Model, engine_args: EngineArgs, release: Release) -> tuple[float, Windows, float]:
    """Bytes per token of the layers that read the whole context, of those with a window, and of states, of all GPUs. Of
    a chunk of chunked local attention a token reads half on average. What is cached of an encoder is not counted."""
    whole, states, windows = 0.0, 0.0, defaultdict[float, float](float)
    layout = engine_args.layout
    gpus = layout.tensor_parallel_size / layout.decode_context_parallel_size  # of which each holds all of it
    for rank in kv_layers(model.attention, engine_args, kv_rules(release), None):
        for layer, count in rank:
            each = layer.row_bytes / layer.tokens_per_row * count * gpus
            match layer.kind:
                case KVKind.MAMBA:
                    states += each
                case KVKind.SLIDING | KVKind.SLIDING_MLA:
                    windows[layer.window_tokens or 1] += each
                case KVKind.CHUNKED:
                    windows[(layer.window_tokens or 1) / 2] += each
                case KVKind.FULL | KVKind.SINK | KVKind.MLA:
                    whole += each
    return whole, tuple(sorted(windows.items())), states
