"""What each layer of a model caches per sequence: shapes of the whole model, not bytes.

A layer has zero, one or several *caches*, so it is a tuple of them: none for a Nemotron MLP layer, self- and
cross-attention for a Whisper decoder layer, latent and indexer keys for a DeepSeek V3.2 layer. `core.kv_cache` divides.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

from vllm_costmeter.core.dataclass import Memo, dataclass, field


@dataclass(frozen=True, slots=True)
class FullAttention:
    """Keys and values of every token (MHA, GQA, MQA)."""

    num_kv_heads: int
    head_size: int
    head_size_v: int | None = None
    """Size of a value head; None: equal to the key head's."""
    sink_tokens: int = 0
    """Keys in front of every sequence that are parameters, cached once for all (Pangu Pro MoE V2)."""


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """Keys and values of the last `window_tokens` tokens."""

    num_kv_heads: int
    head_size: int
    window_tokens: int
    head_size_v: int | None = None
    pooled_tokens: int = 1
    """How many of the layer's own tokens share one of the sequence's (Voxtral's streaming encoder: 4)."""


@dataclass(frozen=True, slots=True)
class ShortConvWindow:
    """A layer's convolution inputs of the last `kernel` tokens, `head_size` bfloat16 values per KV head (Inkling)."""

    num_kv_heads: int
    head_size: int
    kernel: int


@dataclass(frozen=True, slots=True)
class ChunkedLocal:
    """Keys and values of the current chunk only (Llama 4)."""

    num_kv_heads: int
    head_size: int
    chunk_tokens: int


@dataclass(frozen=True, slots=True)
class MlaLatent:
    """A latent of `kv_lora_rank + qk_rope_head_dim` values per token, replicated on every TP rank."""

    kv_lora_rank: int
    qk_rope_head_dim: int
    qk_nope_head_dim: int = 128
    """Size of a query head without its rotary part; it selects the attention backend on Blackwell."""
    v_head_dim: int = 128
    """Size of a value head, before the output projection."""
    sparse: bool = False
    """Whether an indexer selects the tokens to attend to (DeepSeek V3.2, GLM-5)."""


@dataclass(frozen=True, slots=True)
class SparseIndexer:
    """The indexer's key cache: one key of `head_dim` values per token."""

    head_dim: int
    element_bytes: int | None = None
    """Bytes of one value of a plain key (MiniMax M3: bfloat16); None: fp8, with a float32 scale per 128 values."""
    pooled_tokens: int = 1
    """Tokens that share one key."""


@dataclass(frozen=True, slots=True)
class OpenPool:
    """An indexer's ring of drafted tokens and those that fill no pool: `values` bfloat16 values each (GLM-5 Next)."""

    values: int
    pooled_tokens: int


@dataclass(frozen=True, slots=True)
class CompressedMla:
    """A DeepSeek V4 layer: a sliding window of latents and, if `compress_ratio` > 1, one compressed latent
    per `compress_ratio` tokens with the compressor's state; ratio 4 adds an indexer of the same ratio."""

    head_dim: int
    rope_head_dim: int
    window_tokens: int
    compress_ratio: int
    index_head_dim: int


@dataclass(frozen=True, slots=True)
class SourcedMla:
    """A DeepSeek V4.1 layer: a sliding window of latents and, if `pooled_tokens` is not 0, a latent of each so many
    tokens beside its indexer's key. Only an `is_source` layer stores those two; the layers after it read them."""

    head_dim: int
    rope_head_dim: int
    window_tokens: int
    index_head_dim: int
    pooled_tokens: int = 0
    is_source: bool = False
    mega_groups: int = 0
    """Groups of heads of the output projection, if of the size that mega attention (compute capability 10.x) needs."""


@dataclass(frozen=True, slots=True)
class RegionAttention:
    """Step 5's keys and values of every token, a summary of each `region_tokens` of them, and a ring of one page."""

    num_kv_heads: int
    head_size: int
    summary_bytes: int
    region_tokens: int


@dataclass(frozen=True, slots=True)
class CrossAttention:
    """Keys and values of the encoder's output, stored once per sequence (Whisper's decoder)."""

    num_kv_heads: int
    head_size: int


@dataclass(frozen=True, slots=True)
class Mamba1State:
    """Selective state space of Mamba 1 and Jamba: a convolution window and a state per channel."""

    intermediate_size: int
    state_size: int
    conv_kernel: int
    state_dtype: str | None = None
    """The dtype that the checkpoint sets for its recurrent state; None: the convolution window's dtype."""
    chunk_tokens: int = 2048
    """The kernel's chunk size. Before vLLM 0.28, blocks with a state each were multiples of it."""


@dataclass(frozen=True, slots=True)
class Mamba2State:
    """Mamba 2 (Nemotron-H, Granite 4, Bamba, Falcon-H1): a state of `num_heads x head_dim x state_size`."""

    intermediate_size: int
    num_groups: int
    num_heads: int
    head_dim: int
    state_size: int
    conv_kernel: int
    state_dtype: str | None = None
    chunk_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class GatedDeltaState:
    """Gated delta net (Qwen3-Next, Qwen3.5): a matrix of `head_k_dim x head_v_dim` per value head."""

    num_k_heads: int
    num_v_heads: int
    head_k_dim: int
    head_v_dim: int
    conv_kernel: int
    state_dtype: str | None = None
    is_checkpointed: bool = True
    """Whether vLLM's layer can keep its state in the middle of a prefill (Qwen's, since 0.33)."""


@dataclass(frozen=True, slots=True)
class KimiDeltaState:
    """Kimi delta attention (Kimi-Linear): a float32 matrix of `head_dim x head_dim` per head, and one
    convolution window over the queries, keys and values of each head."""

    num_heads: int
    head_dim: int
    conv_kernel: int
    checkpoint: Literal["kimi_k3", "glm5_next"] | None = None
    """Whose layer it is, where FlashKDA computes prefills on the GPUs that have it and keeps a checkpoint of each."""


@dataclass(frozen=True, slots=True)
class LightningState:
    """Lightning attention (MiniMax-Text-01): a matrix of `head_dim x head_dim` per head."""

    num_heads: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class ShortConvState:
    """A gated short convolution (LFM2): the last `conv_kernel - 1` inputs of every channel."""

    channels: int
    conv_kernel: int
    is_whole: bool = False
    """Whether every tensor-parallel rank holds all channels (Qwen4-Exp)."""


RecurrentState = (
    Mamba1State | Mamba2State | GatedDeltaState | KimiDeltaState | LightningState | ShortConvState
)
Cache = (
    FullAttention
    | SlidingWindow
    | ShortConvWindow
    | ChunkedLocal
    | MlaLatent
    | SparseIndexer
    | OpenPool
    | CompressedMla
    | SourcedMla
    | RegionAttention
    | CrossAttention
    | RecurrentState
)
LayerCaches = tuple[Cache, ...]
"""The caches of one model layer; empty for an MLP and for a layer that reads an earlier layer's cache."""


@dataclass(frozen=True, slots=True)
class ModelAttention:
    """Everything about one model that determines its KV cache."""

    layers: tuple[LayerCaches, ...]
    """One entry per model layer, in order, so that pipeline ranks are slices. Empty: no cache (encoder-only models)."""
    num_attention_heads: int
    """Query heads, 0 if no layer has any; vLLM refuses a tensor-parallel size that does not divide them."""
    dtype: str
    """The dtype under `--dtype auto`: bfloat16 or float16 (float32 checkpoints are served in one of them)."""
    draft_layers: tuple[LayerCaches, ...] = ()
    """Layers of the speculative decoding drafter, all on the last pipeline rank."""
    prediction_modules: int = 1
    """How many of its modules each read one token further ahead."""
    tower_layers: tuple[LayerCaches, ...] = ()
    """Layers of a tower that cache, cut into pipeline ranks by themselves."""
    kv_cache_dtype: str | None = None
    """The cache dtype that the checkpoint sets; None: the model's dtype. `--kv-cache-dtype` overrides it."""
    blackwell_kv_cache_dtype: str | None = None
    """The cache dtype that vLLM selects for this architecture on compute capability 10.x (GLM-5: fp8)."""
    caches_prefixes: bool = True
    """False for models that pool over the first or all tokens: vLLM then caches no prefixes by default."""
    known_caches: Memo[Hashable, Any] = field(default_factory=Memo, init=False, compare=False, repr=False)
    """KV cache layouts already computed; one check needs the same layout many times."""
