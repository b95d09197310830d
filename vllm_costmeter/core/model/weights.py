"""The bytes of a model's weights on each pipeline rank."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import (
    AttentionScales,
    Buffer,
    Embedding,
    Experts,
    Linear,
    Part,
    Rank,
    Repeated,
    Tensor,
)
from vllm_costmeter.core.plan import Layout, Plan
from vllm_costmeter.core.quantisation.online import online_quantisation
from vllm_costmeter.core.quantisation.scheme import FLOAT32_BYTES, UNQUANTISED, Quantisation

DTYPE_BYTES = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2}
ATTENTION_SCALES = 4  # _q_scale, _k_scale, _v_scale, _prob_scale in vLLM's Attention layer, 0.32


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of layer: its parts, named within the layer, and the rotary tables it shares with others."""

    parts: tuple[Part, ...]
    converted: tuple[Part, ...] = ()
    """Parts that exist only once vLLM has converted the loaded weights."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything a server loads of one checkpoint.

    Layers are cut into pipeline ranks; equal layers are one object, so that each kind is evaluated once.
    """

    layers: tuple[Layer, ...]
    layer_prefix: str
    """Name of a layer in vLLM with `{}` for its index: quantisation rules match against it."""
    first: tuple[Part, ...]
    """On the first pipeline rank: the input embedding."""
    last: tuple[Part, ...]
    """On the last pipeline rank: final norm and output head."""
    everywhere: tuple[Part, ...] = ()
    """On every pipeline rank: small parts of the language model itself."""
    towers: tuple[Part, ...] = ()
    """Vision towers and their projectors, on every pipeline rank; left out under `--language-model-only`."""
    plain_towers: bool = False
    """The towers are not quantised, whatever the rules say."""
    is_tied: bool = False
    """The output head is the input embedding: the last of several ranks holds a copy."""
    quantisation: Quantisation = UNQUANTISED

    @property
    def parameters(self) -> int:
        parts = [*self.first, *self.last, *self.everywhere, *self.towers]
        counts: dict[int, int] = {}
        for layer in self.layers:
            counts[id(layer)] = counts.get(id(layer), 0) + 1
        kinds = {id(layer): layer for layer in self.layers}
        repeated = sum(_parameters(kinds[key].parts) * count for key, count in counts.items())
        return _parameters(parts) + repeated

    def bytes_per_pipeline_rank(self, plan: Plan, own_dtype: str) -> tuple[int, ...]:
        rank = rank_of(plan.layout, plan.dtype, own_dtype)
        quantisation = self._quantisation(plan)
        spans = pipeline_spans(len(self.layers), plan.layout.pipeline_parallel_size)
        towers = 0 if plan.language_model_only else self._tower_bytes(rank, quantisation)
        shares: list[int] = []
        cache: dict[Hashable, tuple[int, dict[Buffer, int]]] = {}
        for number, (start, end) in enumerate(spans):
            tables: dict[Buffer, int] = {}
            parts: list[Part] = [*self.everywhere]
            if number == 0:
                parts += self.first
            if number == len(spans) - 1:
                parts += self.last
                if self.is_tied and number > 0:
                    parts += self.first
            total = towers + _total(parts, "", rank, quantisation, tables)
            for index in range(start, end):
                layer = self.layers[index]
                key = (id(layer), quantisation.layer_key(index))
                if key not in cache:
                    used: dict[Buffer, int] = {}
                    prefix = self.layer_prefix.format(index)
                    cache[key] = (_total(layer.parts, prefix, rank, quantisation, used), used)
                weight, used = cache[key]
                total += weight
                tables.update(used)
            shares.append(total + sum(tables.values()))
        return tuple(shares)

    def converted_bytes_per_pipeline_rank(self, plan: Plan, own_dtype: str) -> tuple[int, ...]:
        rank = rank_of(plan.layout, plan.dtype, own_dtype)
        spans = pipeline_spans(len(self.layers), plan.layout.pipeline_parallel_size)
        return tuple(
            sum(_total(layer.converted, "", rank, UNQUANTISED, {}) for layer in self.layers[start:end])
            for start, end in spans
        )

    def _tower_bytes(self, rank: Rank, quantisation: Quantisation) -> int:
        chosen = UNQUANTISED if self.plain_towers else quantisation
        tables: dict[Buffer, int] = {}
        return _total(self.towers, "", rank, chosen, tables) + sum(tables.values())

    def _quantisation(self, plan: Plan) -> Quantisation:
        asked = plan.quantization
        if asked is None or asked == self.quantisation.method:
            return self.quantisation
        if self.quantisation.method == UNQUANTISED.method:
            return online_quantisation(asked)
        raise NotUnderstoodError(
            f"--quantization {asked} on a checkpoint that is quantised as {self.quantisation.method}"
        )

    def with_quantisation(self, quantisation: Quantisation) -> Weights:
        return replace(self, quantisation=quantisation)


def rank_of(layout: Layout, asked_dtype: str, own_dtype: str) -> Rank:
    """The share of one GPU. Experts are dealt out, or cut, across tensor and data parallel ranks alike, as vLLM's
    FusedMoEParallelConfig does."""
    dtype = own_dtype if asked_dtype == "auto" else asked_dtype
    if dtype not in DTYPE_BYTES:
        raise BadInputError(f"dtype {dtype} is not one of auto, {', '.join(DTYPE_BYTES)}")
    spread = layout.tensor_parallel_size * layout.data_parallel_size
    return Rank(
        tensor_parallel_size=layout.tensor_parallel_size,
        expert_parallel_size=spread if layout.enable_expert_parallel else 1,
        expert_tensor_parallel_size=1 if layout.enable_expert_parallel else spread,
        sequence_parallel_experts=layout.enable_expert_parallel
        and layout.tensor_parallel_size > 1
        and layout.data_parallel_size > 1,
        element_bytes=DTYPE_BYTES[dtype],
    )


def pipeline_spans(num_layers: int, num_ranks: int) -> tuple[tuple[int, int], ...]:
    """First and last-plus-one layer of each pipeline rank, as vLLM's `get_pp_indices` deals them: what is left
    over goes to the ranks before the last one."""
    if num_ranks > num_layers:
        raise BadInputError(f"pipeline parallelism of {num_ranks} for a model of {num_layers} layers")
    share, left = divmod(num_layers, num_ranks)
    sizes = [share] * num_ranks
    for step in range(left):
        sizes[-(step + 2)] += 1
    spans = []
    start = 0
    for size in sizes:
        spans.append((start, start + size))
        start += size
    return tuple(spans)


def _total(
    parts: Iterable[Part], prefix: str, rank: Rank, quantisation: Quantisation, tables: dict[Buffer, int]
) -> int:
    """Bytes of `parts`; shared tables are put into `tables` instead, once each."""
    total = 0
    for part in parts:
        if isinstance(part, Linear):
            total += _linear_bytes(part, prefix, rank, quantisation)
        elif isinstance(part, Tensor):
            total += part.bytes_on(rank)
        elif isinstance(part, Experts):
            total += _experts_bytes(part, prefix, rank, quantisation)
        elif isinstance(part, Embedding):
            total += _embedding_bytes(part, prefix, rank, quantisation)
        elif isinstance(part, AttentionScales):
            own = quantisation.attention_bytes(rank.element_bytes, part.is_mla)
            total += ATTENTION_SCALES * FLOAT32_BYTES + own
        elif isinstance(part, Repeated):
            block = _total(part.block, f"{prefix}{part.name}.0.", rank, quantisation, tables)
            total += block * part.count
        elif part.shared:
            tables[part] = part.bytes_on(rank)
        else:
            total += part.bytes_on(rank)
    return total


def _linear_bytes(part: Linear, prefix: str, rank: Rank, quantisation: Quantisation) -> int:
    shape = part.on(rank)
    chosen = quantisation if part.quantised else UNQUANTISED
    weight = chosen.linear_scheme(prefix + part.name, part.fused_from).linear_bytes(shape)
    return weight + (sum(shape.outputs) * rank.element_bytes if part.bias else 0)


def _experts_bytes(part: Experts, prefix: str, rank: Rank, quantisation: Quantisation) -> int:
    shape = part.on(rank)
    weight = quantisation.experts_scheme(prefix + part.name, part.checkpoint_names).experts_bytes(shape)
    per_expert = shape.up_projections * shape.intermediate + shape.hidden
    return weight + (shape.count * per_expert * rank.element_bytes if part.bias else 0)


def _embedding_bytes(part: Embedding, prefix: str, rank: Rank, quantisation: Quantisation) -> int:
    rows = part.rows_on(rank)
    bias = rows * rank.element_bytes if part.bias else 0
    if not part.quantised:
        return rows * part.width * rank.element_bytes + bias
    whole = Linear(part.name, part.width, (), "none").on(rank)
    shape = replace(whole, outputs=(rows,))
    return quantisation.head_scheme(prefix + part.name).linear_bytes(shape) + bias


def _parameters(parts: Iterable[Part]) -> int:
    total = 0
    for part in parts:
        if isinstance(part, Repeated):
            total += _parameters(part.block) * part.count
        elif not isinstance(part, (Buffer, AttentionScales)):
            total += part.parameters
    return total
