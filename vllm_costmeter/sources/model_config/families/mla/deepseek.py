"""Multi-head latent attention: DeepSeek V2, V3, R1, V3.2, Kimi K2 and GLM-5 (vLLM 0.32, deepseek_v2.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import MlaLatent, SparseIndexer
from vllm_costmeter.core.model.parts import AttentionScales, Buffer, Linear, Part, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import (
    Block,
    Converted,
    Piece,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.prediction import like_deepseek
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rope_parameters, rotary_table

_FLASHINFER_ROTARY_SIZES = (64, 128, 256, 512)


def deepseek(source: Source, *, float32_router: bool = False) -> Weights:
    """Latent attention on every layer; dense first layers, then routed and shared experts (GLM 4.7 Flash routes in
    float32)."""
    text, hidden = source.text, source.hidden_size
    count = text.int("n_routed_experts", default=0)
    first_dense = text.int("first_k_dense_replace", default=0)
    frequency = text.int("moe_layer_freq", default=1, minimum=1)

    def layer(kind: tuple[bool, bool]) -> Layer:
        routes, has_indexer = kind
        half = (
            _experts(source, count, float32_router)
            if routes
            else gated_mlp("mlp", hidden, source.intermediate_size)
        )
        return _layer(source, half, has_indexer=has_indexer)

    kinds = [
        (count > 0 and index >= first_dense and index % frequency == 0, _has_indexer(source, index))
        for index in range(source.num_layers)
    ]
    return language_model(source, each_kind(kinds, layer), tied=source.is_tied())


def routed_layer(source: Source, *, float32_router: bool = False) -> Layer:
    """A layer with experts and, in sparse models, an indexer of its own."""
    count = source.text.int("n_routed_experts", minimum=1)
    block = _experts(source, count, float32_router)
    return _layer(source, block, has_indexer=source.text.has("index_topk"))


def latent_attention(source: Source, rotary: Buffer | None, name: str = "self_attn") -> Block:
    """Queries (through a low rank, or not), the latent, its projections and its cache; `rotary` None: without
    positions."""
    text, hidden, heads = source.text, source.hidden_size, source.num_heads
    rope = text.int("qk_rope_head_dim")
    nope = text.int("qk_nope_head_dim", minimum=1)
    value = text.int("v_head_dim", minimum=1)
    latent = text.int("kv_lora_rank", minimum=1)
    query_rank = text.optional_int("q_lora_rank", minimum=1)
    parts: list[Piece] = [
        AttentionScales(f"{name}.mla_attn", is_mla=True),
        MlaLatent(latent, rope, nope, value, sparse=text.has("index_topk")),
        _absorbed(source),
    ]
    if rotary is not None:
        parts.append(rotary)
    if query_rank is not None:
        fused = ("q_a_proj", "kv_a_proj_with_mqa")
        parts += [
            replicated(f"{name}.fused_qkv_a_proj", hidden, query_rank, latent + rope, fused_from=fused),
            *norms(query_rank, f"{name}.q_a_layernorm"),
            _by_head(f"{name}.q_b_proj", query_rank, heads, nope + rope),
        ]
    else:
        parts += [
            replicated(f"{name}.kv_a_proj_with_mqa", hidden, latent + rope),
            _by_head(f"{name}.q_proj", hidden, heads, nope + rope),
        ]
    return (
        *parts,
        *norms(latent, f"{name}.kv_a_layernorm"),
        _by_head(f"{name}.kv_b_proj", latent, heads, nope + value),
        row(f"{name}.o_proj", heads * value, hidden),
    )


def latent_rotary(source: Source, parameters: RopeParameters | None = None) -> Buffer:
    """`parameters`: the file's own where not given.

    Under --enforce-eager scaled tables stay float32: vLLM then hands them to FlashInfer's kernel, which wants
    them so, for rotary dimensions of 64 to 512 (deepseek_scaling_rope.py, 0.17 to 0.32)."""
    parameters = rope_parameters(source.text) if parameters is None else parameters
    size = source.text.int("qk_rope_head_dim", minimum=1)
    scaled = parameters.rope_type != "default"
    if scaled:
        parameters = replace(parameters, rope_type="deepseek_yarn")
    table = rotary_table(size, source.max_position, replace(parameters, partial_rotary_factor=1.0))
    has_kernel = scaled and size in _FLASHINFER_ROTARY_SIZES
    return replace(table, eager_element_bytes=FLOAT32_BYTES) if has_kernel else table


def _layer(source: Source, half: Block, *, has_indexer: bool) -> Layer:
    rotary = latent_rotary(source)
    return layer_of(
        *(indexer(source, _indexer_rotary(source, rotary)) if has_indexer else ()),
        *latent_attention(source, rotary),
        *norms(source.hidden_size, "input_layernorm", "post_attention_layernorm"),
        *half,
    )


def _by_head(name: str, inputs: int, heads: int, width: int) -> Linear:
    return Linear(name, inputs, (Output(heads, width),), "column")


def _absorbed(source: Source) -> Converted:
    """The halves of kv_b_proj that vLLM keeps beside it in the served dtype, per head, for decoding
    (`process_weights_after_loading` in vLLM's MLA layer)."""
    text = source.text
    per_head = text.int("kv_lora_rank") * (text.int("qk_nope_head_dim") + text.int("v_head_dim"))
    return Converted(Tensor("W_UK_T, W_UV", source.num_heads, per_head, split=True))


def _has_indexer(source: Source, index: int) -> bool:
    """Sparse attention's indexer; some layers reuse the choice of an earlier one (GLM-5.2)."""
    text = source.text
    if not text.has("index_topk"):
        return False
    pattern = text.raw("index_topk_pattern")
    if isinstance(pattern, (str, list)):
        return index >= len(pattern) or pattern[index] != "S"
    if pattern is not None:
        raise BadInputError(f"{text.name}: {text.path}index_topk_pattern must be a string or a list")
    frequency = text.int("index_topk_freq", default=1, minimum=1)
    offset = text.int("index_skip_topk_offset", default=2)
    return max(index - offset + 1, 0) % frequency == 0


def _indexer_rotary(source: Source, rotary: Buffer) -> Buffer:
    """The attention's table, unless the indexer rotates in another order (is_neox_style)."""
    interleaved = source.text.bool("indexer_rope_interleave", default=False)
    return rotary if interleaved else replace(rotary, name=rotary.name + ",neox")


def indexer(source: Source, table: Buffer | None) -> Block:
    """What chooses the tokens that sparse attention reads, with its keys and the `table` of its positions, if any."""
    text = source.text
    heads = text.int("index_n_heads", minimum=1)
    size = text.int("index_head_dim", minimum=1)
    return (
        SparseIndexer(size),
        replicated("self_attn.indexer.wq_b", text.int("q_lora_rank", minimum=1), heads * size),
        replicated("self_attn.indexer.wk_weights_proj", source.hidden_size, size, heads, quantized=False),
        Tensor("self_attn.indexer.k_norm", 2 * size, element_bytes=FLOAT32_BYTES),
        *(() if table is None else (table,)),
    )


def _experts(source: Source, count: int, float32: bool) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    inner = text.int("moe_intermediate_size", minimum=1)
    parts: list[Part] = [
        router("mlp.gate", hidden, count, float32=float32),
        experts("mlp.experts", count, hidden, inner),
    ]
    if float32 or text.raw("topk_method") == "noaux_tc":
        parts.append(Tensor("mlp.gate.e_score_correction_bias", count, element_bytes=FLOAT32_BYTES))
    shared = text.int("n_shared_experts", default=0)
    if shared:
        parts += gated_mlp("mlp.shared_experts", hidden, inner * shared, is_shared_expert=True)
    return tuple(parts)


def _deepseek(source: Source, target: Weights, count: int) -> Weights:
    """DeepSeek V3, V3.2 and GLM-5: with experts and, in sparse models, an indexer, whatever the other layers share."""
    return like_deepseek(source, target, count, routed_layer(source))


def _glm4_lite(source: Source, target: Weights, count: int) -> Weights:
    return like_deepseek(source, target, count, routed_layer(source, float32_router=True))


def _glm4_lite_decoder(source: Source) -> Weights:
    return deepseek(source, float32_router=True)


DEEPSEEK_V2 = Family(deepseek)
DEEPSEEK = Family(deepseek, prediction=_deepseek)
GLM_5 = Family(deepseek, prediction=_deepseek, blackwell_kv_cache_dtype="fp8_e4m3")
GLM4_LITE = Family(_glm4_lite_decoder, prediction=_glm4_lite)
