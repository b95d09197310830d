"""Decoders that vLLM's registry names for pooling alone: embedders, rerankers, reward models (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import AttentionScales, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.dense.gemma import gemma3
from vllm_costmeter.sources.model_config.families.dense.gpt import gpt2
from vllm_costmeter.sources.model_config.families.dense.llama import llama, qwen2, qwen3
from vllm_costmeter.sources.model_config.families.dense.styles import INTERNLM2
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.jamba import jamba
from vllm_costmeter.sources.model_config.families.hybrid.lfm2 import lfm2
from vllm_costmeter.sources.model_config.families.mla.deepseek import deepseek
from vllm_costmeter.sources.model_config.families.pooling import (
    classifier,
    embedder,
    rewarder,
    scored,
    uncached,
    valued,
)
from vllm_costmeter.sources.model_config.families.source import Source

JINA_RANKING_WIDTH = 512
"""`projector_dim` of vLLM 0.32's JinaForRanking."""


def jina_ranking(source: Source) -> Weights:
    """Qwen3 with two matrices that narrow its hidden state."""
    half = source.hidden_size // 2
    return _with(
        embedder(qwen3)(source), Tensor("projector", half * (source.hidden_size + JINA_RANKING_WIDTH))
    )


def jina_embeddings_v5(source: Source) -> Weights:
    """Qwen3, or EuroBERT, a Llama whose tokens all see each other, where the file says that it is no decoder."""
    is_decoder = source.text.bool("is_decoder", default=True)
    return embedder(qwen3)(source) if is_decoder else uncached(embedder(llama))(source)


def deepseek_bidirectional(source: Source) -> Weights:
    """DeepSeek V3; where the file says that tokens see each other both ways, vLLM attends by heads, not by the latent
    (`ModelConfig.use_mla`). It keeps its head, as vLLM serves it for text unless told that it embeds."""
    if source.text.bool("is_causal", default=True):
        return deepseek(source)
    weights = uncached(deepseek)(source)
    by_heads = {id(layer): _by_heads(layer) for layer in weights.layers}
    return replace(weights, layers=tuple(by_heads[id(layer)] for layer in weights.layers))


def _by_heads(layer: Layer) -> Layer:
    """Nothing is absorbed after loading; the scales are those of ordinary attention."""
    parts = (
        replace(part, is_mla=False) if isinstance(part, AttentionScales) else part for part in layer.parts
    )
    return replace(layer, parts=tuple(parts), converted=())


def voyage(source: Source) -> Weights:
    """Qwen3 whose tokens all see each other, with a linear head."""
    labels = source.text.int("num_labels", default=2, minimum=1)
    return _with(uncached(embedder(qwen3))(source), Tensor("linear", labels * source.hidden_size))


def _with(weights: Weights, part: Part) -> Weights:
    return replace(weights, everywhere=(*weights.everywhere, part))


GEMMA3_EMBEDDER = Family(embedder(gemma3), is_pooling=True, is_pipelined=False)
GPT2_CLASSIFIER = Family(classifier(gpt2), is_pooling=True, is_pipelined=False)
INTERNLM2_REWARD = Family(valued(INTERNLM2), is_pooling=True)
DEEPSEEK_BIDIRECTIONAL = Family(deepseek_bidirectional)
LFM2_BIDIRECTIONAL = Family(uncached(embedder(lfm2)), is_pooling=True, is_pipelined=False)
JAMBA_CLASSIFIER = Family(scored(jamba), is_pooling=True)
QWEN2_PROCESS_REWARD = Family(rewarder(qwen2, labels=2), is_pooling=True)
QWEN2_REWARD = Family(rewarder(qwen2, labels=1), is_pooling=True)
JINA_EMBEDDINGS_V5 = Family(jina_embeddings_v5, is_pooling=True)
JINA_RANKING = Family(jina_ranking, is_pooling=True, is_pipelined=False)
LLAMA_BIDIRECTIONAL = Family(uncached(embedder(llama)), is_pooling=True)
LLAMA_BIDIRECTIONAL_CLASSIFIER = Family(uncached(classifier(llama)), is_pooling=True)
VOYAGE_QWEN3 = Family(voyage, is_pooling=True, is_pipelined=False)
