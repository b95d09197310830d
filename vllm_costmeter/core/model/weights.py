"""The bytes of a model's weights on each pipeline rank."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from vllm_costmeter.core.dataclass import Memo, dataclass, field, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.runner_choice import is_second_by_default
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import LayerCaches
from vllm_costmeter.core.model.parts import Embedding, Part
from vllm_costmeter.core.model.rank import pipeline_spans, rank_of
from vllm_costmeter.core.model.tensors import Tally, count_parameters, on_each_rank, tally
from vllm_costmeter.core.quantization.scheme import UNQUANTISED, KernelTarget, Quantization
from vllm_costmeter.core.release import NEWEST, Release

if TYPE_CHECKING:
    from vllm_costmeter.core.model.adapters import AdapterShare

_SINKS = frozenset(
    {"attn.sinks", *(f"self_attn.{name}" for name in ("attention_sink_bias", "sink", "sinks"))}
)
_TOWERS_OFFLOADED = (0, 29)
_TOWERS_ON_FIRST = (0, 33)
"""First release whose second runner builds towers on the first pipeline rank alone (`_mark_tower_model`)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of layer: its parts, including rotary tables shared with other layers, and its caches."""

    parts: tuple[Part, ...]
    """Names are relative to the layer."""
    caches: LayerCaches = ()
    converted: tuple[Part, ...] = ()
    """Parts that exist only after vLLM has converted the loaded weights."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything that a server loads from one checkpoint.

    Pipeline ranks split the layers; equal layers are one object, so that each kind is evaluated once.
    """

    layers: tuple[Layer, ...]
    layer_prefix: str
    """A layer's name in vLLM, with `{}` for its index; quantization rules match it."""
    first: tuple[Part, ...]
    """Parts on the first pipeline rank: the input embedding."""
    last: tuple[Part, ...]
    """Parts on the last pipeline rank: final norm and output head."""
    first_layer: int = 0
    """Index of the first layer in vLLM's names; prediction layers continue after the model's layers."""
    everywhere: tuple[Part, ...] = ()
    """Small parts of the language model on every pipeline rank."""
    towers: tuple[Part, ...] = ()
    """Vision towers and their projectors, on every pipeline rank but where the second runner of 0.33 serves; omitted
    under `--language-model-only`, as in vLLM's `_mark_tower_model`."""
    tower_inputs: tuple[str, ...] = ("image", "video")
    """Modalities of the towers, which are omitted if the limit per prompt is 0 for all of them."""
    plain_towers: bool = False
    """Whether the towers are never quantized, regardless of the rules."""
    is_tied: bool = False
    """Whether the output head shares the input embedding; the last of several ranks then has a copy."""
    adapted_embedding: bool = False
    """Whether vLLM supports LoRA adapters on the input embedding."""
    adapted_head: bool = False
    """Whether vLLM supports LoRA adapters on the output head."""
    quantization: Quantization = UNQUANTISED
    release: Release = NEWEST
    """The release of this layout; `on_gpu` returns that of another."""
    _known: Memo[Hashable, tuple[Tally, ...]] = field(
        default_factory=Memo, init=False, compare=False, repr=False
    )
    """Shares already computed; one check needs the same layout many times."""
    _placed: Memo[Hashable, Weights] = field(default_factory=Memo, init=False, compare=False, repr=False)
    """These weights in the layouts of other releases and GPUs."""

    @property
    def has_sinks(self) -> bool:
        kinds = {id(layer): layer for layer in self.layers}
        return any(getattr(part, "name", "") in _SINKS for layer in kinds.values() for part in layer.parts)

    @property
    def parameters(self) -> int:
        total = count_parameters((*self.first, *self.last, *self.everywhere, *self.towers))
        kinds = {id(layer): layer for layer in self.layers}
        each = {key: count_parameters(layer.parts) for key, layer in kinds.items()}
        return total + sum(each[id(layer)] for layer in self.layers)

    def on_gpu(self, gpu: KernelTarget) -> Weights:
        """These weights in the layout of a vLLM release on a GPU."""
        if gpu.release != self.release:
            if gpu.release not in self._placed:
                self._placed[gpu.release] = replace(self, release=gpu.release)
            return self._placed[gpu.release].on_gpu(gpu)
        if self.quantization.method == UNQUANTISED.method:
            return self
        from vllm_costmeter.core.quantization.schemes.placement import placed_on

        quantization = placed_on(self.quantization, gpu)
        if quantization is self.quantization:
            return self
        if gpu not in self._placed:
            self._placed[gpu] = replace(self, quantization=quantization)
        return self._placed[gpu]

    def tables(self, *, with_embedding: bool) -> Weights:
        """Only the vocabulary tables: output heads and, if requested, the input embedding."""
        return replace(
            self,
            layers=tuple(replace(layer, parts=_tables(layer.parts), converted=()) for layer in self.layers),
            first=_tables(self.first) if with_embedding else (),
            last=_tables(self.last),
            everywhere=(),
            towers=(),
        )

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """Bytes of parameters and buffers, as vLLM allocates them before it loads a checkpoint."""
        return tuple(share.bytes for share in self._shares(engine_args, own_dtype))

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """Bytes added by conversion after the checkpoint is loaded: absorbed projections, padded layouts."""
        rank = rank_of(engine_args, own_dtype, self.release)
        kinds = {id(layer): layer for layer in self.layers}
        added = {key: tally(layer.converted, "", rank, UNQUANTISED).bytes for key, layer in kinds.items()}
        return tuple(
            share.repacked_bytes + sum(added[id(layer)] for layer in self.layers[start:end])
            for share, (start, end) in zip(
                self._shares(engine_args, own_dtype), self._spans(engine_args), strict=True
            )
        )

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """Bytes that the CUDA allocator adds by rounding tensors up."""
        return tuple(share.held_bytes - share.bytes for share in self._shares(engine_args, own_dtype))

    def resident_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """Bytes that `--cpu-offload-gb` leaves on the GPU, however many it may move: what is outside the layers
        (`make_layers` of models/utils.py, 0.17 to 0.33), before 0.29 also the towers (`supports_tower_offload`)."""
        towers = () if self.release.minor >= _TOWERS_OFFLOADED else self.towers
        emptied = tuple(Layer(()) for _ in self.layers)
        return replace(self, layers=emptied, towers=towers).bytes_per_pipeline_rank(engine_args, own_dtype)

    def adapter_shares(self, engine_args: EngineArgs, own_dtype: str) -> tuple[AdapterShare, ...]:
        """Slots for LoRA adapters per pipeline rank; vision towers have none."""
        from vllm_costmeter.core.model.adapters import adapter_share, head_share

        rank = rank_of(engine_args, own_dtype, self.release)
        edges = (self.adapted_embedding, self.adapted_head)
        each = {
            id(layer): adapter_share(layer.parts, rank, embedding=False, head=False) for layer in self.layers
        }
        spans = self._spans(engine_args)
        shares = []
        for number, (start, end) in enumerate(spans):
            parts = self._edges(number, len(spans))
            share = adapter_share(parts, rank, embedding=edges[0], head=edges[1])
            if self.is_tied and self.adapted_head and number == len(spans) - 1:
                table = next(part for part in parts if isinstance(part, Embedding))
                share = share.plus(head_share(table.vocab_size, table.width, rank))
            for layer in self.layers[start:end]:
                share = share.plus(each[id(layer)])
            shares.append(share)
        return tuple(shares)

    def _edges(self, number: int, num_ranks: int) -> list[Part]:
        """Parts of pipeline rank `number` other than its layers and towers."""
        parts: list[Part] = [*self.everywhere]
        if number == 0:
            parts += self.first
        if number == num_ranks - 1:
            parts += self.last
            if self.is_tied and number > 0:
                parts += self.first
        return parts

    def leaves_towers_out(self, engine_args: EngineArgs) -> bool:
        """Whether every modality is limited to 0: one that is not named may have 999 (config/multimodal.py, 0.17 to
        0.33)."""
        limits = engine_args.limit_mm_per_prompt or {}
        is_limited = bool(limits) and all(limits.get(kind) == 0 for kind in self.tower_inputs)
        return engine_args.language_model_only or is_limited

    def _towers_per_rank(self, engine_args: EngineArgs, ranks: int) -> list[list[Part]]:
        if self.leaves_towers_out(engine_args):
            return [[] for _ in range(ranks)]
        each = on_each_rank(self.towers, ranks)
        return [each[0], *([] for _ in each[1:])] if self._has_towers_on_first(engine_args) else each

    def _has_towers_on_first(self, engine_args: EngineArgs) -> bool:
        release = self.release
        return release.minor >= _TOWERS_ON_FIRST and is_second_by_default(engine_args, release.number)

    def _spans(self, engine_args: EngineArgs) -> tuple[tuple[int, int], ...]:
        layers, ranks = len(self.layers), engine_args.layout.pipeline_parallel_size
        if ranks > layers:
            raise BadInputError(f"--pipeline-parallel-size {ranks} exceeds the model's {layers} layers")
        return pipeline_spans(layers, ranks)

    def _shares(self, engine_args: EngineArgs, own_dtype: str) -> tuple[Tally, ...]:
        flags = (
            engine_args.layout,
            engine_args.dtype,
            engine_args.quantization,
            engine_args.enforce_eager,
        )
        lengths = (engine_args.max_model_len, engine_args.max_num_batched_tokens)
        towers = (self.leaves_towers_out(engine_args), self._has_towers_on_first(engine_args))
        key = (*flags, *lengths, *towers, own_dtype)
        if key not in self._known:
            self._known[key] = self._work_out(engine_args, own_dtype)
        return self._known[key]

    def _work_out(self, engine_args: EngineArgs, own_dtype: str) -> tuple[Tally, ...]:
        rank = rank_of(engine_args, own_dtype, self.release)
        quantization = self.quantization
        if engine_args.quantization is not None:
            from vllm_costmeter.core.quantization.flag import quantization_under

            quantization = quantization_under(quantization, engine_args.quantization, self.release)
        spans = self._spans(engine_args)
        scheme = UNQUANTISED if self.plain_towers else quantization
        towers = [tally(parts, "", rank, scheme) for parts in self._towers_per_rank(engine_args, len(spans))]
        evaluated: dict[Hashable, Tally] = {}
        shares: list[Tally] = []
        for number, (start, end) in enumerate(spans):
            share = tally(self._edges(number, len(spans)), "", rank, quantization)
            share.add_tally(towers[number])
            for index in range(start, end):
                layer = self.layers[index]
                named = self.first_layer + index
                key = (id(layer), quantization.layer_key(named))
                if key not in evaluated:
                    prefix = self.layer_prefix.format(named)
                    evaluated[key] = tally(layer.parts, prefix, rank, quantization)
                share.add_tally(evaluated[key])
            shares.append(share.with_tables())
        return tuple(shares)


def _tables(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(part for part in parts if isinstance(part, Embedding))
