"""The measured models by the names of tests/data/throughput, in the format of their weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.precision import FP8, Q4, requantized
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.models.packaged_configs import packaged_config

REPOSITORIES = {
    "Qwen2.5-3B": "Qwen/Qwen2.5-3B-Instruct",
    "Qwen2.5-7B": "Qwen/Qwen2.5-7B-Instruct",
    "Qwen3-0.6B": "Qwen/Qwen3-0.6B",
    "Qwen3-8B": "Qwen/Qwen3-8B",
    "Qwen3-32B": "Qwen/Qwen3-32B",
    "Mistral-7B": "mistralai/Mistral-7B-Instruct-v0.3",
    "Llama-3.1-8B": "meta-llama/Llama-3.1-8B-Instruct",
    "Llama-3.3-70B": "meta-llama/Llama-3.3-70B-Instruct",
    "Mixtral-8x7B": "mistralai/Mixtral-8x7B-Instruct-v0.1",
    "Qwen3-30B-A3B": "Qwen/Qwen3-30B-A3B",
    "Qwen3-235B-A22B": "Qwen/Qwen3-235B-A22B-FP8",
    "Qwen3-Coder-480B-A35B": "Qwen/Qwen3-Coder-480B-A35B-Instruct",
    "MiniMax-M2.5": "MiniMaxAI/MiniMax-M2.5",
    "gpt-oss-20b": "openai/gpt-oss-20b",
    "gpt-oss-120b": "openai/gpt-oss-120b",
    "DeepSeek-R1": "deepseek-ai/DeepSeek-R1",
    "Kimi-K2.5": "moonshotai/Kimi-K2.5",
}
NVFP4_REPOSITORIES = {"MiniMax-M2.5": "nvidia/MiniMax-M2.5-NVFP4", "Kimi-K2.5": "nvidia/Kimi-K2.5-NVFP4"}
NVFP4_OF_LINEARS = {
    "producer": {"name": "modelopt"},
    "quantization": {
        "quant_algo": "NVFP4",
        "kv_cache_quant_algo": None,
        "group_size": 16,
        "exclude_modules": ["lm_head"],
    },
}
"""hf_quant_config.json of nvidia/Llama-3.3-70B-Instruct-FP4, without its KV cache, which each run states."""
GLM = {
    "architectures": ["Glm4MoeForCausalLM"],
    "model_type": "glm4_moe",
    "attention_bias": True,
    "head_dim": 128,
    "hidden_act": "silu",
    "max_position_embeddings": 131072,
    "n_group": 1,
    "n_shared_experts": 1,
    "norm_topk_prob": True,
    "num_attention_heads": 96,
    "num_experts_per_tok": 8,
    "num_key_value_heads": 8,
    "partial_rotary_factor": 0.5,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000,
    "tie_word_embeddings": False,
    "topk_group": 1,
    "torch_dtype": "bfloat16",
    "vocab_size": 151552,
}
"""config.json of zai-org's GLM-4.5-Air and GLM-4.6 (read 2026-11), where both agree."""
WRITTEN: Mapping[str, Mapping[str, Any]] = {
    "GLM-4.5-Air": GLM
    | {
        "first_k_dense_replace": 1,
        "hidden_size": 4096,
        "intermediate_size": 10944,
        "moe_intermediate_size": 1408,
        "n_routed_experts": 128,
        "num_hidden_layers": 46,
    },
    "GLM-4.6": GLM
    | {
        "first_k_dense_replace": 3,
        "hidden_size": 5120,
        "intermediate_size": 12288,
        "moe_intermediate_size": 1536,
        "n_routed_experts": 160,
        "num_hidden_layers": 92,
        "use_qk_norm": True,
    },
}
CHANGED = {
    "Qwen3-14B": (
        "Qwen/Qwen3-8B",
        {"num_hidden_layers": 40, "hidden_size": 5120, "num_attention_heads": 40, "intermediate_size": 17408},
    ),
    "Qwen2.5-14B": (
        "Qwen/Qwen2.5-3B-Instruct",
        {
            "num_hidden_layers": 48,
            "hidden_size": 5120,
            "num_attention_heads": 40,
            "num_key_value_heads": 8,
            "intermediate_size": 13824,
            "tie_word_embeddings": False,
        },
    ),
}
"""A model of the same architecture, and what differs in config.json."""


@cache
def measured_model(name: str, weights: str) -> Model | None:
    """The model in a format of the CSV files' `weights`; None if its config is not known."""
    if weights == "nvfp4" and name in NVFP4_REPOSITORIES:
        return _packaged(NVFP4_REPOSITORIES[name], {})
    if name in WRITTEN:
        model = model_from_config(WRITTEN[name], name)
    elif name in CHANGED:
        model = _packaged(*CHANGED[name])
    elif name in REPOSITORIES:
        dropped = {"quantization_config": None} if weights == "bf16" else {}
        model = _packaged(REPOSITORIES[name], dropped)
    else:
        return None
    if model is None or model.quantization is not None or weights in ("bf16", "mxfp4"):
        return model
    if weights == "nvfp4":
        return _packaged(REPOSITORIES[name], {}, NVFP4_OF_LINEARS)
    return requantized(model, FP8 if weights in ("fp8", "int8") else Q4)


def _packaged(
    repository: str, changed: Mapping[str, Any], hf_quant_config: Mapping[str, Any] | None = None
) -> Model | None:
    found = packaged_config(repository)
    if found is None:
        return None
    values = dict(found.config if isinstance(found.config, Mapping) else json.loads(found.config)) | changed
    kept = {key: value for key, value in values.items() if value is not None}
    return model_from_config(kept, repository, hf_quant_config=hf_quant_config)
