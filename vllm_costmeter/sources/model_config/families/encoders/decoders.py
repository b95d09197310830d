"""Decoders that vLLM's registry names for pooling alone: embedders, rerankers, reward models (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.families.dense.gemma import gemma3
from vllm_costmeter.sources.model_config.families.dense.gpt import gpt2
from vllm_costmeter.sources.model_config.families.dense.llama import qwen2
from vllm_costmeter.sources.model_config.families.dense.styles import INTERNLM2
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.jamba import jamba
from vllm_costmeter.sources.model_config.families.pooling import (
    classifier,
    embedder,
    rewarder,
    scored,
    valued,
)

GEMMA3_EMBEDDER = Family(embedder(gemma3), is_pooling=True, is_pipelined=False)
GPT2_CLASSIFIER = Family(classifier(gpt2), is_pooling=True, is_pipelined=False)
INTERNLM2_REWARD = Family(valued(INTERNLM2), is_pooling=True)
JAMBA_CLASSIFIER = Family(scored(jamba), is_pooling=True)
QWEN2_PROCESS_REWARD = Family(rewarder(qwen2, labels=2), is_pooling=True)
QWEN2_REWARD = Family(rewarder(qwen2, labels=1), is_pooling=True)
