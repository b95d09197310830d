"""What most decoder layers are built of, as vLLM fuses and divides it."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import Cache, ChunkedLocal, FullAttention, SlidingWindow
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Experts, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.layers import Block, Piece
from vllm_costmeter.sources.model_config.families.source import Source

QKNorm = Literal["none", "head", "all", "whole"]

QKV = ("q_proj", "k_proj", "v_proj")

GATE_UP = ("gate_proj", "up_proj")

TWO_NORMS = ("input_layernorm", "post_attention_layernorm")
W_NAMES = ("w1", "w3", "w2")  # of an expert's matrices in checkpoints of Mixtral's kind


def column(
    name: str, inputs: int, *outputs: int, bias: bool = False, fused_from: tuple[str, ...] = ()
) -> Linear:
    """A linear (or several fused) whose outputs are divided."""
    return Linear(name, inputs, tuple(map(Output, outputs)), "column", bias, fused_from=fused_from)


def row(
    name: str, inputs: int, outputs: int, bias: bool = False, *, is_shared_expert: bool = False
) -> Linear:
    """A linear whose inputs are divided; its bias is held by every rank."""
    return Linear(name, inputs, (Output(outputs),), "row", bias, is_shared_expert=is_shared_expert)


def replicated(
    name: str,
    inputs: int,
    *outputs: int,
    bias: bool = False,
    quantized: bool = True,
    fused_from: tuple[str, ...] = (),
) -> Linear:
    """A linear that every rank holds whole."""
    return Linear(name, inputs, tuple(map(Output, outputs)), "none", bias, quantized, fused_from)


def router(name: str, hidden: int, experts: int, bias: bool = False, float32: bool = False) -> Part:
    """The gate of a mixture of experts: whole on each rank and never quantized."""
    if float32:
        return Tensor(name, hidden * experts, element_bytes=FLOAT32_BYTES)
    return replicated(name, hidden, experts, bias=bias, quantized=False)


def norms(width: int, *names: str, bias: bool = False) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, width * (2 if bias else 1)) for name in names)


def attention(
    source: Source,
    name: str,
    rotary: Buffer | None,
    *,
    heads: int | None = None,
    kv_heads: int | None = None,
    head_size: int | None = None,
    bias: bool = False,
    out_bias: bool = False,
    qk_norm: QKNorm = "none",
    v_head_size: int | None = None,
    window: int | None = None,
    chunk: int | None = None,
    cached: bool = True,
    output_gate: bool = False,
    out_name: str = "o_proj",
    fused_from: tuple[str, ...] = QKV,
) -> Block:
    """Grouped-query attention: fused queries, keys and values, the output projection, the layer's scales and its cache,
    which holds every token, or those of a `window` or of the present `chunk`; none where it is not `cached` (encoders).

    `heads`, `kv_heads`, `head_size`: the file's common ones where not given.
    `qk_norm`: one norm weight per head dimension ("head"), or over all heads together ("all": divided with them,
    "whole": not divided). BadInputError for query heads that the KV heads do not divide, as in vLLM's Attention.
    """
    hidden = source.hidden_size
    heads = source.num_heads if heads is None else heads
    kv_heads = source.num_kv_heads if kv_heads is None else kv_heads
    head_size = source.head_size() if head_size is None else head_size
    if heads % kv_heads:
        raise BadInputError(
            f"{name}: {heads} query heads do not divide by {kv_heads} KV heads, so vLLM refuses them"
        )
    value_size = head_size if v_head_size is None else v_head_size
    outputs = (
        Output(heads, head_size * (2 if output_gate else 1)),
        Output(kv_heads, head_size, replicated=True),
        Output(kv_heads, value_size, replicated=True),
    )
    parts: list[Piece] = [
        Linear(
            f"{name}.qkv_proj",
            hidden,
            outputs,
            "column",
            bias,
            fused_from=fused_from,
        ),
        row(f"{name}.{out_name}", heads * value_size, hidden, out_bias),
        AttentionScales(f"{name}.attn"),
    ]
    if cached:
        parts.append(head_cache(kv_heads, head_size, v_head_size, window=window, chunk=chunk))
    if qk_norm == "head":
        parts += norms(head_size, f"{name}.q_norm", f"{name}.k_norm")
    elif qk_norm == "all":
        parts.append(Tensor(f"{name}.q_norm", heads, head_size, split=True))
        parts.append(Tensor(f"{name}.k_norm", kv_heads, head_size, split=True, replicated=True))
    elif qk_norm == "whole":
        parts.append(Tensor(f"{name}.q_norm", heads, head_size))
        parts.append(Tensor(f"{name}.k_norm", kv_heads, head_size))
    if rotary is not None:
        parts.append(rotary)
    return tuple(parts)


def head_cache(
    kv_heads: int,
    head_size: int,
    v_head_size: int | None = None,
    *,
    window: int | None = None,
    chunk: int | None = None,
) -> Cache:
    """What vLLM's `Attention` keeps of a layer: keys and values of every token, of a window, or of a chunk."""
    narrow = None if v_head_size == head_size else v_head_size
    if chunk is not None:
        return ChunkedLocal(kv_heads, head_size, chunk)
    if window is not None:
        return SlidingWindow(kv_heads, head_size, window, narrow)
    return FullAttention(kv_heads, head_size, narrow)


def gated_mlp(
    name: str,
    hidden: int,
    intermediate: int,
    bias: bool = False,
    fused_from: tuple[str, ...] = GATE_UP,
    *,
    is_shared_expert: bool = False,
) -> tuple[Part, ...]:
    """Gate and up projections fused, then down (SwiGLU, GeGLU)."""
    halves = (Output(intermediate), Output(intermediate))
    return (
        Linear(
            f"{name}.gate_up_proj",
            hidden,
            halves,
            "column",
            bias,
            fused_from=fused_from,
            is_shared_expert=is_shared_expert,
        ),
        row(f"{name}.down_proj", intermediate, hidden, bias, is_shared_expert=is_shared_expert),
    )


def mlp(
    name: str,
    hidden: int,
    intermediate: int,
    *,
    bias: bool = False,
    names: tuple[str, str] = ("up_proj", "down_proj"),
    is_shared_expert: bool = False,
) -> tuple[Part, ...]:
    """Two matrices with an activation between them."""
    first = Linear(
        f"{name}.{names[0]}",
        hidden,
        (Output(intermediate),),
        "column",
        bias,
        is_shared_expert=is_shared_expert,
    )
    return first, row(f"{name}.{names[1]}", intermediate, hidden, bias, is_shared_expert=is_shared_expert)


def experts(
    name: str,
    count: int,
    hidden: int,
    intermediate: int,
    *,
    gated: bool = True,
    bias: bool = False,
    checkpoint_names: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj"),
) -> Experts:
    return Experts(name, count, hidden, intermediate, gated, bias, checkpoint_names)
