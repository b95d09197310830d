"""Latent attention (MLA) and its sparse and compressed forms, from config.json.

Read in vLLM 0.32: `models/deepseek_v2.py`, `vllm/models/deepseek_v32` and `vllm/models/deepseek_v4`.
"""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import CompressedMla, MlaLatent, SparseIndexer
from vllm_costmeter.sources.model_config.attention_heads import Layers, full_everywhere, layer_count
from vllm_costmeter.sources.model_config.reader import ConfigReader


def latent(text: ConfigReader) -> Layers:
    """DeepSeek V2, V3 and R1, Kimi K2: one latent per layer; with `index_topk` sparse, as V3.2."""
    if not text.has("kv_lora_rank"):
        return full_everywhere(text)
    if text.has("index_topk"):
        return sparse_latent(text)
    return ((latent_cache(text),),) * layer_count(text)


def two_latents_per_layer(text: ConfigReader) -> Layers:
    """LongCat-Flash: two attentions in each of `num_layers` decoder layers."""
    cache = latent_cache(text)
    return ((cache, cache),) * layer_count(text, "num_layers")


def sparse_latent(text: ConfigReader) -> Layers:
    """DeepSeek V3.2 and GLM-5: the layers that choose tokens carry an indexer, the others share its choice."""
    cache = latent_cache(text, sparse=True)
    indexer = SparseIndexer(text.int("index_head_dim", minimum=1))
    return tuple(
        (indexer, cache) if _chooses_tokens(text, index) else (cache,) for index in range(layer_count(text))
    )


def compressed(text: ConfigReader) -> Layers:
    """DeepSeek V4: `compress_ratios` per layer, 0 a plain window."""
    count = layer_count(text)
    ratios = text.optional_list("compress_ratios")
    if ratios is None or len(ratios) < count:
        raise BadInputError(f"{text.name}: compress_ratios must have {count} entries")
    if not all(isinstance(ratio, int) and not isinstance(ratio, bool) for ratio in ratios):
        raise BadInputError(f"{text.name}: compress_ratios must hold whole numbers")
    return tuple((compressed_window(text, max(1, ratio)),) for ratio in ratios[:count])


def compressed_window(text: ConfigReader, ratio: int) -> CompressedMla:
    """One V4 layer of compress ratio `ratio`; 1 is a window alone."""
    return CompressedMla(
        head_dim=text.int("head_dim", minimum=1),
        rope_head_dim=text.int("qk_rope_head_dim", minimum=1),
        window_tokens=text.int("sliding_window", minimum=1),
        compress_ratio=ratio,
        index_head_dim=text.int("index_head_dim", minimum=1),
    )


def latent_cache(text: ConfigReader, *, sparse: bool = False) -> MlaLatent:
    return MlaLatent(
        kv_lora_rank=text.int("kv_lora_rank", minimum=1),
        qk_rope_head_dim=text.int("qk_rope_head_dim", default=64),
        qk_nope_head_dim=text.int("qk_nope_head_dim", default=128),
        sparse=sparse,
    )


def _chooses_tokens(text: ConfigReader, index: int) -> bool:
    """Every layer, every `index_topk_freq`-th after an offset, or as `index_topk_pattern` marks them ("S" shares)."""
    pattern = text.optional_str("index_topk_pattern")
    if pattern is not None:
        return index >= len(pattern) or pattern[index] != "S"
    every = text.int("index_topk_freq", default=1, minimum=1)
    offset = text.int("index_skip_topk_offset", default=2)
    return max(index - offset + 1, 0) % every == 0
