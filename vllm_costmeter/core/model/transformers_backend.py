"""A model whose code is transformers' own, with vLLM's layers put in the place of its (`--model-impl transformers`).

vLLM 0.17 to 0.33, model_executor/models/transformers: matrices are divided by transformers' plan, which for the
architectures held against it is vLLM's own; positions are rotated by inverse frequencies that every rank holds twice;
norms of queries and keys are whole on every rank.
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.attention import Cache, ChunkedLocal, FullAttention, LayerCaches
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights, ModelWeights
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.parts import Buffer, Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES

HELD = frozenset(
    """
    ApertusForCausalLM ArceeForCausalLM Cohere2ForCausalLM Cohere2MoeForCausalLM CohereForCausalLM CwmForCausalLM
    Ernie4_5ForCausalLM Exaone4ForCausalLM ExaoneMoeForCausalLM FlexOlmoForCausalLM
    GPTBigCodeForCausalLM GPTNeoXForCausalLM Gemma2ForCausalLM Gemma3ForCausalLM GemmaForCausalLM Glm4ForCausalLM
    Glm4MoeForCausalLM Glm4MoeLiteForCausalLM GlmForCausalLM GraniteForCausalLM GraniteMoeForCausalLM
    GraniteSWAForCausalLM HYV3ForCausalLM HunYuanDenseV1ForCausalLM HunYuanMoEV1ForCausalLM HyperCLOVAXForCausalLM
    Jais2ForCausalLM Kolibri1ForCausalLM LagunaForCausalLM Llama4ForCausalLM LlamaForCausalLM MellumForCausalLM
    MiniMaxM2ForCausalLM Ministral3ForCausalLM MistralForCausalLM MixtralForCausalLM Olmo2ForCausalLM Olmo3ForCausalLM
    OlmoForCausalLM OlmoeForCausalLM Phi3ForCausalLM PhiForCausalLM Qwen2ForCausalLM Qwen2MoeForCausalLM
    Qwen3ForCausalLM Qwen3MoeForCausalLM SeedOssForCausalLM SmolLM3ForCausalLM StableLmForCausalLM Starcoder2ForCausalLM
    VaultGemmaForCausalLM
    """.split()  # noqa: SIM905 - 50 quoted strings read worse than words
)
"""Architectures whose weights and caches there were held against vLLM 0.32 (tests/data/transformers_vllm_0.32.jsonl),
and Kolibri 1, which no other code serves."""
_ROUTER = ".gate"
_HEAD_NORMS = (".q_norm", ".k_norm")


def served_by_transformers(model: Model) -> Model:
    """The model under `--model-impl transformers`; not understood where its weights there were not held against
    vLLM."""
    if model.not_understood is not None:
        return model
    if model.architecture not in HELD:
        why = f"--model-impl transformers: what {model.architecture} weighs in transformers' own code is not known"
        return replace(model, not_understood=why)
    caches = tuple(map(_caches, model.attention.layers))
    return replace(
        model,
        weights=_changed(model.weights, model.dtype),
        attention=replace(model.attention, layers=caches),
        prediction=None,
    )


def _changed(weights: ModelWeights, dtype: str) -> ModelWeights:
    if isinstance(weights, Weights):
        return run_by_transformers(weights)
    if isinstance(weights, CheckpointWeights) and isinstance(weights.described, Weights):
        described = run_by_transformers(weights.described)
        bytes_ = sum(described.bytes_per_pipeline_rank(EngineArgs(), dtype))
        return replace(weights, described=described, described_bytes=bytes_)
    return weights


def _caches(layer: LayerCaches) -> LayerCaches:
    return tuple(map(_cache, layer))


def _cache(cache: Cache) -> Cache:
    """Chunks are attention's own business there: every token is cached."""
    return FullAttention(cache.num_kv_heads, cache.head_size) if isinstance(cache, ChunkedLocal) else cache


def run_by_transformers(weights: Weights) -> Weights:
    """These weights with transformers' positions, norms and routers in the place of vLLM's, and the edges on the
    pipeline ranks that use them."""
    kinds = {id(layer): layer for layer in weights.layers}
    tables = {part for layer in kinds.values() for part in layer.parts if _is_table(part)}
    changed = {key: _layer(layer) for key, layer in kinds.items()}
    first, last, everywhere = _edges(weights.everywhere)
    frequencies = map(_frequencies, sorted(tables, key=lambda table: table.name))
    return replace(
        weights,
        layers=tuple(changed[id(layer)] for layer in weights.layers),
        first=(*first, *weights.first),
        last=(*last, *weights.last),
        everywhere=(*everywhere, *frequencies),
    )


def _edges(parts: tuple[Part, ...]) -> tuple[list[Part], list[Part], list[Part]]:
    """(embeddings, final norm and head, the rest) of what a class of vLLM's builds on every rank."""
    first: list[Part] = []
    last: list[Part] = []
    rest: list[Part] = []
    for part in parts:
        if isinstance(part, Embedding):
            (last if part.quantized else first).append(part)
        else:
            (last if isinstance(part, Tensor) and "norm" in part.name else rest).append(part)
    return first, last, rest


def _layer(layer: Layer) -> Layer:
    return replace(layer, parts=tuple(_held(part) for part in layer.parts if not _is_table(part)))


def _is_table(part: Part) -> bool:
    return isinstance(part, Buffer) and part.rotated_pairs > 0


def _frequencies(table: Part) -> Buffer:
    """As read from the file and as scaled, a float32 per pair of rotated dimensions."""
    pairs = table.rotated_pairs if isinstance(table, Buffer) else 0
    return Buffer(f"inv_freq of {table.name}", 2 * pairs, FLOAT32_BYTES)


def _held(part: Part) -> Part:
    """Norms of queries and keys whole, and a router in the served dtype, whatever vLLM's own class computes it in."""
    if not isinstance(part, Tensor):
        return part
    if part.split and part.name.endswith(_HEAD_NORMS):
        return replace(part, split=False)
    return replace(part, element_bytes=None) if part.name.endswith(_ROUTER) else part
