"""Gemma 3n and 4: windows and full attention in turn, the last layers without a cache of their own.

Read in vLLM 0.32; defaults are those of transformers 5.
"""

from __future__ import annotations

from vllm_costmeter.core.model.attention import FullAttention, SlidingWindow
from vllm_costmeter.sources.model_config.attention_heads import (
    Layers,
    head_size,
    kv_heads,
    layer_count,
    mixed,
)
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader


def gemma3n(text: ConfigReader) -> Layers:
    """Windows with every fifth layer full; the last `num_kv_shared_layers` read the caches of earlier layers."""
    count = layer_count(text)
    size = text.int("head_dim", default=256, minimum=1)
    full = FullAttention(kv_heads(text), size)
    sliding = SlidingWindow(full.num_kv_heads, size, text.int("sliding_window", default=512, minimum=1))
    own = count - text.int("num_kv_shared_layers", default=0, maximum=count)
    return mixed(layer_types(text, count, 5)[:own], full, sliding) + ((),) * (count - own)


def gemma4(text: ConfigReader) -> Layers:
    """Windows and wider global heads; the last `num_kv_shared_layers` read the caches of earlier layers."""
    count = layer_count(text)
    heads, size = kv_heads(text), head_size(text)
    global_heads = text.optional_int("num_global_key_value_heads", minimum=1)
    if not text.bool("attention_k_eq_v", default=True):
        global_heads = None
    full = FullAttention(global_heads or heads, text.int("global_head_dim", default=512, minimum=1))
    sliding = SlidingWindow(heads, size, text.int("sliding_window", default=512, minimum=1))
    kinds = (*layer_types(text, count, 6)[:-1], "full_attention")
    own = count - text.int("num_kv_shared_layers", default=0, maximum=count)
    return mixed(kinds[:own], full, sliding) + ((),) * (count - own)
