"""DeepSeek V4: compressed sparse attention, hyper-connections, hash-routed first layers (vLLM 0.32,
models/deepseek_v4)."""

from __future__ import annotations

from fnmatch import fnmatchcase

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import CompressedMla
from vllm_costmeter.core.model.parts import Buffer, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.core.quantization.schemes.checkpoint_fp8 import ListedFp8
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp4
from vllm_costmeter.sources.model_config.families.blocks import (
    GATE_UP,
    experts,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import (
    Block,
    Piece,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.prediction import extended, head, numbered
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_INT32_BYTES = 4

_SPARSE_RATIO = (
    4  # layers compressed by this much carry an indexer (vLLM 0.32, models/deepseek_v4/attention.py)
)

_BLOCK = 128  # weight_block_size of every published V4: a rank's share of the shared expert is whole blocks


def deepseek_v4(source: Source) -> Weights:
    """Every layer: a low-rank attention over a sliding window and, where its ratio is above 1, compressed tokens."""
    text = source.text
    ratios = text.optional_list("compress_ratios") or []
    if len(ratios) < source.num_layers or not all(type(ratio) is int for ratio in ratios):
        raise BadInputError(f"{text.name}: compress_ratios needs one whole number per layer")
    hashed = text.int("num_hash_layers", default=0)
    kinds = [(max(1, ratios[index]), index < hashed) for index in range(source.num_layers)]
    layers = each_kind(kinds, lambda kind: _layer(source, kind[0], hashed=kind[1]))
    return language_model(
        source, layers, tied=source.is_tied(), extra_everywhere=(lane_mix(source, "model.hc_head"),)
    )


def window_layer(source: Source) -> Layer:
    """A layer of a sliding window alone, with routed experts."""
    return _layer(source, 1, hashed=False)


def lane_mix(source: Source, name: str) -> Tensor:
    """What turns the residual lanes into one hidden state before a head."""
    lanes = source.text.int("hc_mult", default=4, minimum=1)
    return Tensor(name, lanes * lanes * source.hidden_size + lanes + 1, element_bytes=FLOAT32_BYTES)


def _layer(source: Source, ratio: int, *, hashed: bool) -> Layer:
    return layer_of(
        *_attention(source, ratio),
        *routed_experts(source, hashed=hashed),
        *hyper_connection(source),
        *norms(source.hidden_size, "attn_norm", "ffn_norm"),
    )


def _attention(source: Source, ratio: int) -> Block:
    text, hidden = source.text, source.hidden_size
    size = text.int("head_dim", minimum=1)
    parts: list[Piece] = [
        CompressedMla(
            size,
            text.int("qk_rope_head_dim", minimum=1),
            text.int("sliding_window", minimum=1),
            compress_ratio=ratio,
            index_head_dim=text.int("index_head_dim", minimum=1),
        ),
        *low_rank_attention(source, source.num_heads, compressed=ratio > 1),
    ]
    if ratio > 1:
        parts += _compressor("attn.compressor", hidden, size, ratio)
    if ratio == _SPARSE_RATIO:
        parts += indexer_queries(source)
        parts += _compressor("attn.indexer.compressor", hidden, text.int("index_head_dim", minimum=1), ratio)
    return tuple(parts)


def low_rank_attention(source: Source, sinks: int, *, compressed: bool) -> tuple[Part, ...]:
    """Queries and latents of low rank, an output projection in groups, and `sinks` values on every rank."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    size = text.int("head_dim", minimum=1)
    rank = text.int("q_lora_rank", minimum=1)
    groups = text.int("o_groups", minimum=1)
    out_rank = text.int("o_lora_rank", minimum=1)
    if heads * size % groups:
        raise BadInputError(f"{text.name}: o_groups {groups} does not divide {heads} heads of {size}")
    return (
        replicated("attn.fused_wqa_wkv", hidden, rank, size, fused_from=("wq_a", "wkv")),
        Linear("attn.wq_b", rank, (Output(heads, size),), "column"),
        Linear("attn.wo_a", heads * size // groups, (Output(groups, out_rank),), "column"),
        row("attn.wo_b", groups * out_rank, hidden),
        Tensor("attn.attn_sink", sinks, split=False, element_bytes=FLOAT32_BYTES),
        *norms(rank, "attn.q_norm"),
        *norms(size, "attn.kv_norm"),
        _rotary(source, compressed=compressed),
    )


def indexer_queries(source: Source) -> tuple[Part, ...]:
    """What an indexer asks with, whole on every rank."""
    text, heads = source.text, source.text.int("index_n_heads", minimum=1)
    rank, size = text.int("q_lora_rank", minimum=1), text.int("index_head_dim", minimum=1)
    return (
        replicated("attn.indexer.wq_b", rank, heads * size),
        replicated("attn.indexer.weights_proj", source.hidden_size, heads, quantized=False),
    )


def _compressor(name: str, hidden: int, size: int, ratio: int) -> tuple[Part, ...]:
    """Overlapping windows (ratio 4) keep two sets of keys and gates."""
    sets = 2 if ratio == _SPARSE_RATIO else 1
    return (
        replicated(f"{name}.fused_wkv_wgate", hidden, sets * size, sets * size, quantized=False),
        Tensor(f"{name}.ape", ratio * sets * size, element_bytes=FLOAT32_BYTES),
        *norms(size, f"{name}.norm"),
    )


def routed_experts(source: Source, *, hashed: bool, count: int | None = None) -> tuple[Part, ...]:
    """`count`: of experts, the file's where not given; `hashed`: a table of tokens chooses them."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", minimum=1) if count is None else count
    inner = text.int("moe_intermediate_size", minimum=1)
    parts: list[Part] = [router("ffn.gate", hidden, count), experts("ffn.experts", count, hidden, inner)]
    if hashed:
        per_token = text.int("num_experts_per_tok", minimum=1)
        parts.append(Tensor("ffn.gate.tid2eid", source.vocab_size * per_token, element_bytes=_INT32_BYTES))
    if text.raw("topk_method") == "noaux_tc" and (not hashed or sees_images(source)):
        parts.append(Tensor("ffn.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES))
    if sees_images(source):
        parts.append(Tensor("ffn.gate.bias_vl", count, element_bytes=FLOAT32_BYTES))
    shared = text.int("n_shared_experts", default=0) * inner
    if shared:
        blocks = max(1, shared // _BLOCK)
        width = shared // blocks
        outputs = (Output(blocks, width), Output(blocks, width))
        name = "ffn.shared_experts"
        parts += [
            Linear(
                f"{name}.gate_up_proj",
                hidden,
                outputs,
                "column",
                fused_from=GATE_UP,
                is_shared_expert=True,
            ),
            row(f"{name}.down_proj", shared, hidden, is_shared_expert=True),
        ]
    return tuple(parts)


def hyper_connection(source: Source) -> tuple[Part, ...]:
    """Mixing weights of the residual lanes, before attention and before the experts; always float32."""
    lanes = source.text.int("hc_mult", default=4, minimum=1)
    mixes = (2 + lanes) * lanes
    values = mixes * lanes * source.hidden_size + mixes + 3
    return tuple(Tensor(f"hc_{half}", values, element_bytes=FLOAT32_BYTES) for half in ("attn", "ffn"))


def _rotary(source: Source, *, compressed: bool) -> Buffer:
    """Compressed and plain layers rotate with different bases: two float32 tables of the same size."""
    parameters = rope_parameters(source.text)
    table = rotary_table(
        source.text.int("qk_rope_head_dim", minimum=1),
        source.max_position,
        parameters,
        element_bytes=FLOAT32_BYTES,
    )
    kind = "compressed" if compressed else "plain"
    return Buffer(f"{table.name},{kind}", table.elements, table.element_bytes, shared=True)


def _prediction(source: Source, target: Weights, count: int) -> Weights:
    """A layer of a window alone, two quantized projections and a mix of residual lanes of its own."""
    hidden = source.hidden_size
    layer = extended(
        window_layer(source),
        replicated("e_proj", hidden, hidden),
        replicated("h_proj", hidden, hidden),
        lane_mix(source, "hc_head"),
        *norms(hidden, "enorm", "hnorm", "shared_head.norm"),
        head(source, "head"),
    )
    if isinstance(target.quantization, ListedFp8) and _keeps_native_experts(source):
        target = replace(target, quantization=replace(target.quantization, experts=Mxfp4()))
    return numbered(source, target, [layer] * count)


def _keeps_native_experts(source: Source) -> bool:
    """Whether an NVFP4 checkpoint ignores these layers: their experts are in MXFP4 then, as DeepSeek publishes them."""
    section = source.root.optional_section("quantization_config")
    if section is None or section.raw("moe_quant_algo") != "NVFP4":
        return False
    entries = section.optional_list("ignore") or ()
    return any(isinstance(entry, str) and fnmatchcase("mtp.0.ffn.experts", entry) for entry in entries)


def sees_images(source: Source) -> bool:
    """Whether the file sizes a tower, which vLLM then builds whatever class it names (from 0.30 on)."""
    vision = source.root.optional_section("vision_config")  # of V4.1
    stated = 0 if vision is None else vision.int("num_hidden_layers", default=0)
    return stated > 0 or source.text.int("vision_n_layers", default=0) > 0


def _with_tower(source: Source) -> Family | None:
    if not sees_images(source):
        return None
    from vllm_costmeter.sources.model_config.families.multimodal.deepseek import DEEPSEEK_V4_VL

    return DEEPSEEK_V4_VL


DEEPSEEK_V4 = Family(
    deepseek_v4,
    renames=(("layers.", "model.layers."), ("head.", "lm_head.")),
    prediction=_prediction,
    other_for=_with_tower,
)
