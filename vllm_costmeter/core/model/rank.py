"""How a model is split over GPUs, and the flags that determine the tensors of each."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import Release

DTYPE_BYTES = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2}
"""Bytes per value by name in `--dtype`, without auto (vLLM 0.33, ModelDType in config/model.py)."""

DEFAULT_BATCH_TOKENS = (
    8192  # of GPUs with 70 GiB and more, which a model with such buffers needs (vLLM 0.29 to 0.33)
)

_NGRAMS_OFFLOADED = (0, 30)
_VIDEO_FACTOR = (0, 32)
"""First release with `mrope_positions_factor`; older ones build every multimodal rotary table for video."""


@dataclass(frozen=True, slots=True)
class Rank:
    """One GPU's share of a model."""

    tensor_parallel_size: int = 1
    expert_parallel_size: int = 1
    """Ranks over which experts are distributed; 1: no expert parallelism."""
    expert_tensor_parallel_size: int = 1
    """Ranks that split each expert: tensor x data parallel size without expert parallelism, 1 with it."""
    sequence_parallel_experts: bool = False
    """True under expert, tensor and data parallelism combined: every rank then has whole shared experts."""
    element_bytes: int = 2
    """Bytes per value in the served dtype."""
    is_eager: bool = False
    """True under --enforce-eager: only then does vLLM use its own kernels for simple operations."""
    served_tokens: int | None = None
    """`--max-model-len`; None: the model's length."""
    batch_tokens: int = DEFAULT_BATCH_TOKENS
    """`--max-num-batched-tokens`."""
    holds_ngram_tables: bool = False
    """True before vLLM 0.30, which moved tables of hashed n-grams into the host's memory."""
    has_video_tables: bool = False
    """True before vLLM 0.32, where every multimodal rotary table has four times the model's length."""


def rank_of(engine_args: EngineArgs, own_dtype: str, release: Release) -> Rank:
    """The share of one GPU. BadInputError for an unknown dtype.

    Tensor and data parallel ranks together distribute or split experts, as in vLLM's FusedMoEParallelConfig.
    """
    layout = engine_args.layout
    dtype = own_dtype if engine_args.dtype == "auto" else engine_args.dtype
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
        is_eager=engine_args.enforce_eager,
        served_tokens=engine_args.max_model_len if (engine_args.max_model_len or 0) > 0 else None,
        batch_tokens=engine_args.max_num_batched_tokens or DEFAULT_BATCH_TOKENS,
        holds_ngram_tables=release.minor < _NGRAMS_OFFLOADED,
        has_video_tables=release.minor < _VIDEO_FACTOR,
    )


def pipeline_spans(num_layers: int, num_ranks: int) -> tuple[tuple[int, int], ...]:
    """(start, end) layer indices of each pipeline rank, end exclusive.

    Equal shares; remaining layers go to the ranks before the last, which has the output head
    (`get_pp_indices`, vLLM 0.17 to 0.33).
    """
    share, left = divmod(num_layers, num_ranks)
    spans, end = [], 0
    for rank in range(num_ranks):
        start = end
        end += share + (num_ranks - 1 - left <= rank < num_ranks - 1)
        spans.append((start, end))
    return tuple(spans)


@dataclass(frozen=True, slots=True)
class Output:
    """One projection inside a fused linear: `count` units (heads, or single features) of `width` values."""

    count: int
    width: int = 1
    replicated: bool = False
    """True for key and value heads: every rank has at least one, so they repeat if ranks outnumber heads."""

    def on(self, tensor_parallel_size: int, name: str) -> int:
        if self.replicated and tensor_parallel_size >= self.count:
            divided(tensor_parallel_size, self.count, name)
            return self.width
        return divided(self.count, tensor_parallel_size, name) * self.width


def divided(total: int, ways: int, name: str) -> int:
    """`total / ways`. BadInputError if there is a remainder, which vLLM asserts against."""
    if total % ways:
        raise BadInputError(f"{name}: {total} does not divide by {ways}, so vLLM refuses this parallel size")
    return total // ways
