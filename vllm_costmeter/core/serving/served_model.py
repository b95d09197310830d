"""The matrices, experts and caches of a model as one GPU computes them, from the parts that the fit check knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.parts import Experts, Linear, Tensor
from vllm_costmeter.core.model.rank import Rank, rank_of
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import UNQUANTISED, KernelTarget, Quantization
from vllm_costmeter.core.release import Release
from vllm_costmeter.core.serving.cache_reading import CacheReading, cache_reading
from vllm_costmeter.core.serving.formats import format_of
from vllm_costmeter.core.serving.kernels import Format


@dataclass(frozen=True, slots=True)
class Matrix:
    """One linear layer on one GPU."""

    inputs: int
    outputs: int
    weight_bytes: float
    form: Format


@dataclass(frozen=True, slots=True)
class RoutedExperts:
    """The routed experts of one layer on one GPU."""

    weight_bytes: float
    """Of all experts that this GPU holds, or of its slices of them."""
    parameters_per_token: float
    """Multiplied for one token on this GPU, on average."""
    experts: int
    """In the layer."""
    experts_per_token: int
    hidden: int
    columns: int
    """Intermediate size of an expert's slice on this GPU."""
    form: Format
    spread: int
    """GPUs that share the layer's experts."""
    whole: bool
    """Whether each GPU holds whole experts (expert parallelism)."""


@dataclass(frozen=True, slots=True)
class LayerWork:
    """One kind of layer on one GPU, and how many such layers the model has."""

    count: int
    matrices: tuple[Matrix, ...]
    experts: RoutedExperts | None
    cache: CacheReading
    norms_across_heads: bool = False
    """Whether tensor-parallel ranks exchange the variance of queries and keys (MiniMaxText01RMSNormTP, to 0.33)."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What one GPU computes in a step, summed over all pipeline stages."""

    layers: tuple[LayerWork, ...]
    hidden: int
    head: Matrix
    prompt_heads: int
    """Query heads on one GPU."""

    @property
    def num_layers(self) -> int:
        return sum(layer.count for layer in self.layers)


def reject_other_than_generating(model: Model) -> None:
    """NotUnderstoodError for a model whose requests are not prompts that it continues."""
    if model.is_pooling:
        raise NotUnderstoodError(
            f"{model.id}: a pooling model generates no tokens; its speed is not modelled"
        )
    if model.is_encoder_decoder:
        raise NotUnderstoodError(f"{model.id}: the speed of encoder-decoder models is not modelled")


def served_model(model: Model, engine_args: EngineArgs, release: Release, gpu: GpuSpec) -> ServedModel:
    """One GPU's part of `model`. NotUnderstoodError if its parts are not known; BadInputError for a layout that vLLM
    refuses."""
    reject_other_than_generating(model)
    model = model.on_gpu(KernelTarget(gpu.compute_capability, release))
    weights = model.weights.described if isinstance(model.weights, CheckpointWeights) else model.weights
    if not isinstance(weights, Weights):
        raise NotUnderstoodError(
            f"{model.architecture}: the parts of its weights are unknown, so is its speed"
        )
    rank = rank_of(engine_args, model.dtype, release)
    chosen = _under_flag(weights.quantization, engine_args, release)
    kinds: dict[Hashable, tuple[Layer, str]] = {}
    counts: Counter[Hashable] = Counter()
    for index, layer in enumerate(weights.layers):
        named = weights.first_layer + index
        key = (id(layer), chosen.layer_key(named))
        kinds.setdefault(key, (layer, weights.layer_prefix.format(named)))
        counts[key] += 1
    layers = tuple(
        _layer(
            layer,
            prefix,
            counts[key],
            model=model,
            rank=rank,
            quantization=chosen,
            engine_args=engine_args,
        )
        for key, (layer, prefix) in kinds.items()
    )
    sizes = model.sizes
    rows = -(-sizes.vocab_size // rank.tensor_parallel_size)
    head = Matrix(sizes.hidden_size, rows, rows * sizes.hidden_size * 2.0, "bf16")
    heads = max(sizes.num_attention_heads // rank.tensor_parallel_size, 1)
    return ServedModel(layers, sizes.hidden_size, head, heads)


def _under_flag(known: Quantization, engine_args: EngineArgs, release: Release) -> Quantization:
    if engine_args.quantization is None:
        return known
    from vllm_costmeter.core.quantization.flag import quantization_under

    return quantization_under(known, engine_args.quantization, release)


def _layer(
    layer: Layer,
    prefix: str,
    count: int,
    *,
    model: Model,
    rank: Rank,
    quantization: Quantization,
    engine_args: EngineArgs,
) -> LayerWork:
    linears = [part for part in layer.parts if isinstance(part, Linear)]
    matrices = [_matrix(part, prefix, rank, quantization) for part in linears]
    routed = next((part for part in layer.parts if isinstance(part, Experts)), None)
    experts = None if routed is None else _experts(routed, prefix, model, rank, quantization)
    tensors = [part for part in layer.parts if isinstance(part, Tensor)]
    if routed is not None:
        matrices += [_router(part, routed) for part in tensors if part.count == routed.count * routed.hidden]
    cache = cache_reading(layer.caches, model.attention, engine_args)
    norms_across_heads = any(part.name.endswith("q_norm") and part.split for part in tensors)
    return LayerWork(count, tuple(matrices), experts, cache, norms_across_heads)


def _router(part: Tensor, routed: Experts) -> Matrix:
    """A router whose weights are described as a tensor, because vLLM keeps them in float32."""
    size = part.element_bytes or 2
    return Matrix(routed.hidden, routed.count, float(part.count * size), "fp32" if size == 4 else "bf16")


def _matrix(part: Linear, prefix: str, rank: Rank, quantization: Quantization) -> Matrix:
    shape = part.on(rank)
    rows = sum(shape.outputs)
    scheme = (quantization if part.quantized else UNQUANTISED).linear_scheme(
        prefix + part.name, part.fused_from
    )
    read = float(sum(scheme.linear_tensors(shape)))
    return Matrix(shape.inputs, rows, read, format_of(scheme, read / max(shape.inputs * rows, 1)))


def _experts(
    part: Experts, prefix: str, model: Model, rank: Rank, quantization: Quantization
) -> RoutedExperts:
    shape = part.on(rank)
    scheme = quantization.experts_scheme(prefix + part.name, part.checkpoint_names)
    read = float(sum(scheme.experts_tensors(shape)))
    values = shape.count * shape.hidden * shape.intermediate * (shape.up_projections + 1)
    chosen = model.sizes.num_experts_per_token or 1
    one_expert = shape.hidden * shape.intermediate * (shape.up_projections + 1)
    spread = rank.expert_parallel_size * rank.expert_tensor_parallel_size
    return RoutedExperts(
        weight_bytes=read,
        parameters_per_token=one_expert * chosen / rank.expert_parallel_size,
        experts=part.count,
        experts_per_token=chosen,
        hidden=shape.hidden,
        columns=max(shape.intermediate, 1),
        form=format_of(scheme, read / max(values, 1)),
        spread=spread,
        whole=rank.expert_parallel_size > 1,
    )
