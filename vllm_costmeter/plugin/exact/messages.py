"""Request to and result from the installed vLLM: plain values sent as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import asdict, dataclass, field
from vllm_costmeter.core.fit.vllm_counts import BlockNeed, ExactCounts, ExactLayer


class NotAskableError(Exception):
    """The installed vLLM cannot be asked about this deployment; the message is the reason in one line."""


@dataclass(frozen=True, slots=True)
class ExactRequest:
    """One deployment on one GPU model."""

    config: Mapping[str, Any]
    """The model's config.json."""
    gpu_name: str
    gpu_memory_bytes: int
    compute_capability: tuple[int, int]
    engine_arguments: Mapping[str, Any] = field(default_factory=dict)
    """Fields of vLLM's `EngineArgs` that differ from their default."""
    hf_quant_config: Mapping[str, Any] | None = None
    """The model's hf_quant_config.json, if it has one."""
    draft_config: Mapping[str, Any] | None = None
    """config.json of the draft model in `speculative_config`."""
    draft_hf_quant_config: Mapping[str, Any] | None = None
    lengths: tuple[int, ...] = ()
    pools_bytes: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ExactRequest:
        major, minor = values["compute_capability"]
        lists = {name: tuple(values[name]) for name in ("lengths", "pools_bytes")}
        return cls(**{**values, **lists, "compute_capability": (major, minor)})


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The model as described by vLLM's own configuration, for the activation rules."""

    architecture: str
    dtype: str
    quantization: str | None
    max_model_len: int
    hidden_size: int
    vocab_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_size: int
    intermediate_size: int
    num_experts: int
    num_experts_per_token: int
    moe_intermediate_size: int
    is_multimodal: bool
    is_pooling: bool
    is_encoder_decoder: bool
    is_hybrid: bool


@dataclass(frozen=True, slots=True)
class PoolAnswer:
    """One pool, equal on every rank."""

    pool_bytes: int
    longest_length: int
    """What `--max-model-len auto` would set; 0: not one token fits."""


@dataclass(frozen=True, slots=True)
class LengthAnswer:
    """One length: bytes one sequence needs on each pipeline rank."""

    length_tokens: int
    bytes_needed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CapacityAnswer:
    """One length in one pool, as logged at start-up; absent if vLLM refuses the length for that pool."""

    length_tokens: int
    pool_bytes: int
    num_blocks: int
    tokens: int
    max_concurrency: float


@dataclass(frozen=True, slots=True)
class ExactAnswer:
    """vLLM's result for one deployment, before any weight is read."""

    counts: ExactCounts
    model: ModelFacts
    max_num_seqs: int
    backends: tuple[str, ...]
    """vLLM's names of the attention backends it selected for the GPU."""
    lengths: tuple[LengthAnswer, ...] = ()
    pools: tuple[PoolAnswer, ...] = ()
    capacities: tuple[CapacityAnswer, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ExactAnswer:
        counts = values["counts"]
        return cls(
            counts=ExactCounts(
                vllm_version=counts["vllm_version"],
                weights_bytes=tuple(counts["weights_bytes"]),
                converted_bytes=tuple(counts["converted_bytes"]),
                layers=tuple(tuple(ExactLayer(**layer) for layer in rank) for rank in counts["layers"]),
                bytes_per_block=tuple(counts["bytes_per_block"]),
                groups=tuple(BlockNeed(**need) for need in counts["groups"]),
                max_num_batched_tokens=counts["max_num_batched_tokens"],
            ),
            model=ModelFacts(**values["model"]),
            max_num_seqs=values["max_num_seqs"],
            backends=tuple(values["backends"]),
            lengths=tuple(
                LengthAnswer(one["length_tokens"], tuple(one["bytes_needed"])) for one in values["lengths"]
            ),
            pools=tuple(PoolAnswer(**one) for one in values["pools"]),
            capacities=tuple(CapacityAnswer(**one) for one in values["capacities"]),
        )
