"""The parts of a model's weights, and their shapes on one tensor-parallel rank.

A part has the shape of the whole model; `Rank` determines how it is split. Sizes follow vLLM's layers
(`model_executor/layers/linear.py`, `vocab_parallel_embedding.py`, `fused_moe/`), read in vLLM 0.32.
"""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.model.rank import Output, Rank, divided

VOCABULARY_PADDING = (
    64  # DEFAULT_VOCAB_PADDING_SIZE in vLLM's vocab_parallel_embedding.py, read 2026-07 (0.32)
)


@dataclass(frozen=True, slots=True)
class LinearShape:
    """A linear layer on one rank."""

    inputs: int
    outputs: tuple[int, ...]
    total_inputs: int
    divided_inputs: bool
    divided_outputs: bool
    element_bytes: int
    name: str


@dataclass(frozen=True, slots=True)
class ExpertsShape:
    """The routed experts of one layer on one rank."""

    count: int
    hidden: int
    intermediate: int
    gated: bool
    bias: bool
    tensor_parallel_size: int
    element_bytes: int
    name: str

    @property
    def up_projections(self) -> int:
        return 2 if self.gated else 1


@dataclass(frozen=True, slots=True)
class Linear:
    """A matrix; tensor parallelism splits its outputs (column), its inputs (row) or neither."""

    name: str
    inputs: int
    outputs: tuple[Output, ...]
    split: Literal["column", "row", "none"]
    bias: bool = False
    quantized: bool = True
    """False for layers that vLLM never quantizes (routers, some gates)."""
    fused_from: tuple[str, ...] = ()
    """The checkpoint's names for the projections that vLLM fuses here, to match quantization rules."""
    is_shared_expert: bool = False
    """True for shared experts, which sequence-parallel MoE replicates on every rank."""
    padded_to: int = 1
    """A rank's outputs together are padded to a multiple of this (Kimi K3)."""

    def on(self, rank: Rank) -> LinearShape:
        size = 1 if self.is_shared_expert and rank.sequence_parallel_experts else rank.tensor_parallel_size
        column = size if self.split == "column" else 1
        outputs = tuple(output.on(column, self.name) for output in self.outputs)
        padding = -sum(outputs) % self.padded_to
        return LinearShape(
            inputs=divided(self.inputs, size, self.name) if self.split == "row" else self.inputs,
            outputs=(*outputs, padding) if padding else outputs,
            total_inputs=self.inputs,
            divided_inputs=self.split == "row" and size > 1,
            divided_outputs=self.split == "column" and size > 1,
            element_bytes=rank.element_bytes,
            name=self.name,
        )

    @property
    def parameters(self) -> int:
        return sum(output.count * output.width for output in self.outputs) * (self.inputs + self.bias)


@dataclass(frozen=True, slots=True)
class Experts:
    """The routed experts of one layer, fused as in vLLM's FusedMoE."""

    name: str
    count: int
    hidden: int
    intermediate: int
    gated: bool = True
    bias: bool = False
    checkpoint_names: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj")
    """The checkpoint's names for one expert's matrices, to match quantization rules."""
    least_share: int = 0
    """Smallest intermediate size per rank: smaller shares are padded to it (Kimi-Linear since 0.28)."""

    def on(self, rank: Rank) -> ExpertsShape:
        return ExpertsShape(
            count=-(-self.count // rank.expert_parallel_size),
            hidden=self.hidden,
            intermediate=divided(self._padded(rank), rank.expert_tensor_parallel_size, self.name),
            gated=self.gated,
            bias=self.bias,
            tensor_parallel_size=rank.expert_tensor_parallel_size,
            element_bytes=rank.element_bytes,
            name=self.name,
        )

    def _padded(self, rank: Rank) -> int:
        is_cut = rank.tensor_parallel_size > 1 and rank.expert_parallel_size == 1
        if is_cut and self.intermediate // rank.tensor_parallel_size < self.least_share:
            return self.least_share * rank.tensor_parallel_size
        return self.intermediate

    @property
    def parameters(self) -> int:
        up = (2 if self.gated else 1) * self.intermediate
        return self.count * (self.hidden * (up + self.intermediate) + (up + self.hidden) * self.bias)


@dataclass(frozen=True, slots=True)
class Embedding:
    """A vocabulary table: rows are padded to a multiple of 64 and split equally."""

    name: str
    vocab_size: int
    width: int
    bias: bool = False
    split: bool = True
    quantized: bool = False
    """True for an output head, which some quantization schemes include."""
    is_ngram_table: bool = False
    """True for hashed n-grams, which vLLM keeps in the host's memory from 0.30 on (`EngramConfig.cpu_offload`)."""

    def rows_on(self, rank: Rank) -> int:
        if self.is_ngram_table and not rank.holds_ngram_tables:
            return 0
        padded = -(-self.vocab_size // VOCABULARY_PADDING) * VOCABULARY_PADDING
        if not self.split:
            return padded
        return divided(padded, rank.tensor_parallel_size, self.name)

    @property
    def parameters(self) -> int:
        return self.vocab_size * (self.width + self.bias)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A norm, bias or convolution, never quantized: `count` units of `width` values; `split` is by units."""

    name: str
    count: int
    width: int = 1
    split: bool = False
    replicated: bool = False
    element_bytes: int | None = None
    """Fixed bytes per value; None: those of the served dtype."""

    def bytes_on(self, rank: Rank) -> int:
        size = rank.tensor_parallel_size if self.split else 1
        held = Output(self.count, self.width, self.replicated).on(size, self.name)
        return held * (self.element_bytes or rank.element_bytes)

    @property
    def parameters(self) -> int:
        return self.count * self.width


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory other than parameters, such as a rotary table. `shared`: equal buffers exist once per rank,
    because vLLM's `get_rope` keeps one per set of arguments."""

    name: str
    elements: int
    element_bytes: int | None = None
    shared: bool = False
    eager_element_bytes: int | None = None
    """Bytes per value under --enforce-eager, if different."""
    video_elements: int | None = None
    """Number of values in tables built for video, if different."""
    elements_per_served_token: int | None = None
    """Values per token of --max-model-len, for a table of that length."""
    rotated_pairs: int = 0
    """Of a rotary table: pairs of dimensions that it rotates."""
    elements_per_batch_token: int | None = None
    """Values per token of a batch, for a buffer that holds one."""
    kv_heads: int | None = None
    """KV heads that the values are divided with; None: every rank holds all of them."""

    def bytes_on(self, rank: Rank) -> int:
        elements = (rank.has_video_tables and self.video_elements) or self.elements
        if self.kv_heads is not None:
            held = Output(self.kv_heads, replicated=True).on(rank.tensor_parallel_size, self.name)
            elements = elements // self.kv_heads * held
        if self.elements_per_served_token is not None and rank.served_tokens is not None:
            elements = min(elements, self.elements_per_served_token * rank.served_tokens)
        if self.elements_per_batch_token is not None:
            elements = self.elements_per_batch_token * rank.batch_tokens
        own = (rank.is_eager and self.eager_element_bytes) or self.element_bytes
        return elements * (own or rank.element_bytes)


@dataclass(frozen=True, slots=True)
class AttentionScales:
    """The four float32 scales of vLLM's attention layers; quantization adds more, except with MLA."""

    name: str
    is_mla: bool = False


@dataclass(frozen=True, slots=True)
class Repeated:
    """`count` identical blocks outside the pipelined layers, such as those of a vision tower."""

    name: str
    block: tuple[Part, ...]
    count: int
    is_pipelined: bool = False
    """Whether pipeline ranks divide the blocks, which most towers repeat on each."""


Part = Linear | Experts | Embedding | Tensor | Buffer | AttentionScales | Repeated
