"""Attention with keys and values per head: full, sliding, chunked and mixed patterns, from config.json.

Each function reads one family of vLLM 0.32's `model_executor/models`; defaults are those of transformers 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import (
    ChunkedLocal,
    CrossAttention,
    FullAttention,
    LayerCaches,
    SlidingWindow,
)
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader

Layers = tuple[LayerCaches, ...]
Family = Callable[[ConfigReader], Layers]

LARGEST_LAYER_COUNT = 4096  # no published model has 200 layers; more is a corrupt file, not a deeper model
LARGEST_HEAD_COUNT = 1 << 16
_MISTRAL_WINDOW = 4096  # sliding_window default of transformers' MistralConfig (5.x)


def layer_count(text: ConfigReader, *keys: str) -> int:
    return text.int(
        *(keys or ("num_hidden_layers", "n_layers", "n_layer", "num_layers")),
        minimum=1,
        maximum=LARGEST_LAYER_COUNT,
    )


_QUERY_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads")


def stated_query_heads(text: ConfigReader) -> int | None:
    """Query heads; None for a file that states none (models of recurrent layers alone)."""
    return text.optional_int(*_QUERY_HEADS, minimum=1, maximum=LARGEST_HEAD_COUNT)


def query_heads(text: ConfigReader) -> int:
    return text.int(*_QUERY_HEADS, minimum=1, maximum=LARGEST_HEAD_COUNT)


def kv_heads(text: ConfigReader) -> int:
    """KV heads under the names vLLM's `get_total_num_kv_heads` knows; the query heads where none is stated."""
    names = ("num_key_value_heads", "n_head_kv", "num_kv_heads", "multi_query_group_num")
    stated = text.optional_int(*names, minimum=1, maximum=LARGEST_HEAD_COUNT)
    return query_heads(text) if stated is None else stated


def head_size(text: ConfigReader) -> int:
    """`head_dim`, or the hidden size over the query heads (vLLM's `get_head_size`)."""
    stated = text.optional_int("head_dim", "hidden_size_per_head", "attention_head_dim", "kv_channels")
    if stated:
        return stated
    return text.int("hidden_size", "n_embd", "d_model", minimum=1) // query_heads(text)


def plain(text: ConfigReader) -> Layers:
    """The usual decoder: every layer alike; full, or a window where the file names one, by `layer_types` if given.

    A file that switches its window off (`use_sliding_window: false`, a window of 0) has none.
    """
    count = layer_count(text)
    full = FullAttention(kv_heads(text), head_size(text))
    window = _window(text)
    if window is None:
        return ((full,),) * count
    sliding = SlidingWindow(full.num_kv_heads, full.head_size, window)
    if text.optional_list("layer_types") is None:
        return ((sliding,),) * count
    return mixed(layer_types(text, count), full, sliding)


def listed(text: ConfigReader) -> Layers:
    """As `plain`, for families whose windows alternate: `layer_types` must say where (EXAONE 4)."""
    if _window(text) is not None and text.optional_list("layer_types") is None:
        raise NotUnderstoodError(
            f"{text.name}: which layers have the sliding window is not stated (layer_types)"
        )
    return plain(text)


def full_everywhere(text: ConfigReader) -> Layers:
    """Full attention in every layer, whatever window the file may state."""
    return ((FullAttention(kv_heads(text), head_size(text)),),) * layer_count(text)


def interleaved(default_pattern: int) -> Family:
    """Windows in all but every n-th layer: `layer_types`, a stated pattern, or this family's own (Gemma 2 and 3)."""

    def family(text: ConfigReader) -> Layers:
        window = text.int("sliding_window", default=4096, minimum=1)
        full = FullAttention(kv_heads(text), head_size(text))
        sliding = SlidingWindow(full.num_kv_heads, full.head_size, window)
        return mixed(layer_types(text, layer_count(text), default_pattern), full, sliding)

    return family


def cohere(text: ConfigReader) -> Layers:
    """Command-R (full) and Command-R7B and A (windows by `layer_types`, one token wider than stated)."""
    count = layer_count(text)
    full = FullAttention(kv_heads(text), head_size(text))
    window = _window(text)
    if window is None:
        return ((full,),) * count
    sliding = SlidingWindow(full.num_kv_heads, full.head_size, window + 1)
    return mixed(layer_types(text, count, 4), full, sliding)


def gpt_oss(text: ConfigReader) -> Layers:
    """Windows in the even layers."""
    full = FullAttention(kv_heads(text), head_size(text))
    sliding = SlidingWindow(
        full.num_kv_heads, full.head_size, text.int("sliding_window", default=128, minimum=1)
    )
    return tuple((full,) if index % 2 else (sliding,) for index in range(layer_count(text)))


def llama4(text: ConfigReader) -> Layers:
    """Chunked attention in the layers with rotary positions, full attention in every fourth, without them."""
    count = layer_count(text)
    heads, size = text.int("num_key_value_heads", default=8, minimum=1), head_size(text)
    full = FullAttention(heads, size)
    chunk = ChunkedLocal(heads, size, text.int("attention_chunk_size", default=8192, minimum=1))
    rotary = text.optional_list("no_rope_layers")
    if rotary:
        if len(rotary) < count:
            raise BadInputError(f"{text.name}: no_rope_layers has {len(rotary)} entries for {count} layers")
        return tuple((chunk,) if flag else (full,) for flag in rotary[:count])
    interval = text.int("no_rope_layer_interval", default=4, minimum=1)
    return tuple((full,) if (index + 1) % interval == 0 else (chunk,) for index in range(count))


def minicpm3(text: ConfigReader) -> Layers:
    """Keys of a plain and a rotated part per query head; values are stored as wide."""
    size = text.int("qk_nope_head_dim", minimum=1) + text.int("qk_rope_head_dim", minimum=1)
    return ((FullAttention(query_heads(text), size),),) * layer_count(text)


def gpt_bigcode(text: ConfigReader) -> Layers:
    """StarCoder: one key head, unless `multi_query` is off."""
    heads = 1 if text.bool("multi_query", default=True) else query_heads(text)
    return ((FullAttention(heads, head_size(text)),),) * layer_count(text)


def mimo_v2(text: ConfigReader) -> Layers:
    """`hybrid_layer_pattern`: 1 is a window with heads of its own; keys are wider than values."""
    count = layer_count(text)
    full = FullAttention(kv_heads(text), head_size(text), text.optional_int("v_head_dim", minimum=1))
    sliding = mimo_v2_window(text)
    pattern = text.optional_list("hybrid_layer_pattern")
    if pattern is None or len(pattern) < count:
        raise BadInputError(f"{text.name}: hybrid_layer_pattern must have {count} entries")
    return tuple((sliding,) if flag == 1 else (full,) for flag in pattern[:count])


def mimo_v2_window(text: ConfigReader) -> SlidingWindow:
    return SlidingWindow(
        text.int("swa_num_key_value_heads", minimum=1),
        text.int("swa_head_dim", minimum=1),
        text.int("sliding_window_size", "sliding_window", minimum=1),
        text.optional_int("swa_v_head_dim", minimum=1),
    )


def nemotron_nas(text: ConfigReader) -> Layers:
    """`block_configs`: layers without attention, others with KV heads of their own (Llama-Nemotron Super)."""
    blocks = text.optional_list("block_configs")
    if not blocks:
        raise BadInputError(f"{text.name}: block_configs is missing: this architecture needs it")
    heads, size = query_heads(text), head_size(text)
    layers: list[LayerCaches] = []
    for index, block in enumerate(blocks[:LARGEST_LAYER_COUNT]):
        attention = block.get("attention") if isinstance(block, dict) else None
        if not isinstance(attention, dict):
            raise BadInputError(f"{text.name}: block_configs[{index}].attention must be an object")
        reader = ConfigReader(attention, text.name, f"block_configs[{index}].attention.")
        if reader.bool("no_op", default=False) or reader.bool("replace_with_linear", default=False):
            layers.append(())
        else:
            layers.append(
                (FullAttention(heads // reader.int("n_heads_in_group", minimum=1, maximum=heads), size),)
            )
    return tuple(layers)


def whisper(text: ConfigReader) -> Layers:
    """Decoder layers with self- and cross-attention; the encoder keeps nothing."""
    heads = text.int("decoder_attention_heads", minimum=1)
    size = text.int("d_model", minimum=1) // heads
    return ((FullAttention(heads, size), CrossAttention(heads, size)),) * layer_count(text, "decoder_layers")


def falcon(text: ConfigReader) -> Layers:
    """One KV head with `multi_query` in the older architecture, `num_kv_heads` in the newer."""
    one_head = text.bool("multi_query", default=True) and not text.bool(
        "new_decoder_architecture", default=False
    )
    heads = 1 if one_head else kv_heads(text)
    return ((FullAttention(heads, head_size(text)),),) * layer_count(text)


def dbrx(text: ConfigReader) -> Layers:
    section = text.optional_section("attn_config")
    heads = (
        query_heads(text)
        if section is None
        else section.int("kv_n_heads", default=query_heads(text), minimum=1)
    )
    return ((FullAttention(heads, head_size(text)),),) * layer_count(text)


def chatglm(text: ConfigReader) -> Layers:
    grouped = text.bool("multi_query_attention", default=False)
    heads = kv_heads(text) if grouped else query_heads(text)
    return ((FullAttention(heads, head_size(text)),),) * layer_count(text, "num_layers", "num_hidden_layers")


def encoder_only(text: ConfigReader) -> Layers:
    """Embedders and rerankers that see the whole input at once: nothing is kept between steps."""
    del text
    return ()


def _window(text: ConfigReader) -> int | None:
    if not text.bool("use_sliding_window", default=True):
        return None
    if text.raw("model_type") == "mistral" and "sliding_window" not in text.values:
        return _MISTRAL_WINDOW  # null switches it off, silence does not
    return text.optional_int("sliding_window") or None


def mixed(kinds: Sequence[str], full: FullAttention, sliding: SlidingWindow) -> Layers:
    by_name: dict[str, LayerCaches] = {"full_attention": (full,), "sliding_attention": (sliding,)}
    unknown = set(kinds) - by_name.keys()
    if unknown:
        raise NotUnderstoodError(f"layer type {sorted(unknown)[0]!r} is not known for this architecture")
    return tuple(by_name[kind] for kind in kinds)
