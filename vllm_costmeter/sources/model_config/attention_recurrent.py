"""Models with recurrent layers (Mamba, gated delta, Kimi delta, lightning, short convolutions), from config.json.

Read in vLLM 0.32 (`get_mamba_state_shape_from_config` of each model); lightning attention in 0.19.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import (
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    LayerCaches,
    LightningState,
    Mamba1State,
    Mamba2State,
    ShortConvState,
)
from vllm_costmeter.sources.model_config.attention_heads import (
    Layers,
    head_size,
    kv_heads,
    layer_count,
    query_heads,
)
from vllm_costmeter.sources.model_config.attention_latent import latent_cache
from vllm_costmeter.sources.model_config.reader import ConfigReader

_NEMOTRON_H_LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}  # hybrid_override_pattern
_RECURRENT = ("mamba", "linear_attention")
_ATTENTION = ("attention", "full_attention")


def nemotron_h(text: ConfigReader) -> Layers:
    """Nemotron-H and Nemotron 3: one mixer per layer (Mamba 2, attention, MLP or experts)."""
    pattern = text.optional_str("hybrid_override_pattern")
    names: Iterable[object]
    if pattern is not None:
        names = [_NEMOTRON_H_LETTERS.get(letter, letter) for letter in pattern]
    else:
        names = text.optional_list("layers_block_type", "layer_types") or ()
    heads = text.int("mamba_num_heads", default=128, minimum=1)
    size = text.int("mamba_head_dim", default=64, minimum=1)
    mamba = Mamba2State(
        intermediate_size=heads * size,
        num_groups=text.int("n_groups", "mamba_n_groups", default=8, minimum=1),
        num_heads=heads,
        head_dim=size,
        state_size=text.int("ssm_state_size", default=128, minimum=1),
        conv_kernel=text.int("conv_kernel", "mamba_d_conv", default=4, minimum=1),
        state_dtype=text.optional_str("mamba_ssm_cache_dtype") or "float32",
        chunk_tokens=_chunk_tokens(text),
    )
    full = FullAttention(kv_heads(text), head_size(text))
    return _by_name(
        text,
        names,
        dict.fromkeys(_RECURRENT, (mamba,)) | dict.fromkeys(_ATTENTION, (full,)) | {"mlp": (), "moe": ()},
    )


def gated_delta(text: ConfigReader) -> Layers:
    """Qwen3-Next and Qwen3.5: gated delta nets with full attention in every fourth layer."""
    count = layer_count(text)
    every = text.int("full_attention_interval", default=4, minimum=1)
    names: Iterable[object] = text.optional_list("layer_types") or [
        "linear_attention" if (index + 1) % every else "full_attention" for index in range(count)
    ]
    state = GatedDeltaState(
        num_k_heads=text.int("linear_num_key_heads", default=16, minimum=1),
        num_v_heads=text.int("linear_num_value_heads", default=32, minimum=1),
        head_k_dim=text.int("linear_key_head_dim", default=128, minimum=1),
        head_v_dim=text.int("linear_value_head_dim", default=128, minimum=1),
        conv_kernel=text.int("linear_conv_kernel_dim", default=4, minimum=1),
        state_dtype=text.optional_str("mamba_ssm_dtype"),
    )
    full = FullAttention(kv_heads(text), text.int("head_dim", default=256, minimum=1))
    return _by_name(text, names, {"linear_attention": (state,), "full_attention": (full,)})


def kimi_linear(text: ConfigReader) -> Layers:
    """Kimi-Linear: Kimi delta attention, latent attention in the layers `linear_attn_config` lists, from 1."""
    section = text.optional_section("linear_attn_config")
    if section is None:
        raise BadInputError(f"{text.name}: linear_attn_config is missing: this architecture needs it")
    count = layer_count(text)
    full = section.optional_list("full_attn_layers") or []
    state = KimiDeltaState(
        num_heads=section.int("num_heads", minimum=1),
        head_dim=section.int("head_dim", minimum=1),
        conv_kernel=section.int("short_conv_kernel_size", default=4, minimum=1),
    )
    cache = latent_cache(text)
    return tuple((cache,) if index + 1 in full else (state,) for index in range(count))


def lightning(text: ConfigReader) -> Layers:
    """MiniMax-Text-01 and M1: `attn_type_list`, 0 lightning attention, 1 full attention."""
    size = head_size(text)
    kinds = text.optional_list("attn_type_list") or text.optional_list("layer_types")
    if kinds is None:
        raise BadInputError(f"{text.name}: attn_type_list is missing: this architecture needs it")
    state, full = LightningState(query_heads(text), size), FullAttention(kv_heads(text), size)
    names: dict[str, LayerCaches] = {
        "0": (state,),
        "1": (full,),
        "linear_attention": (state,),
        "full_attention": (full,),
    }
    return _by_name(text, (str(kind) for kind in kinds), names)


def granite_hybrid(text: ConfigReader) -> Layers:
    """Granite 4: Mamba 2 or attention by `layer_types`."""
    inner = text.int("mamba_expand", default=2, minimum=1) * text.int("hidden_size", minimum=1)
    mamba = _mamba2(text, inner)
    full = FullAttention(kv_heads(text), head_size(text))
    names = text.optional_list("layer_types", "layers_block_type")
    return _by_name(
        text,
        ["linear_attention"] * layer_count(text) if names is None else names,
        dict.fromkeys(_RECURRENT, (mamba,)) | dict.fromkeys(_ATTENTION, (full,)),
    )


def falcon_h1(text: ConfigReader) -> Layers:
    """Falcon-H1: attention and Mamba 2 side by side in every layer."""
    inner = text.optional_int("mamba_d_ssm", minimum=1)
    if inner is None:
        inner = text.int("mamba_expand", default=2, minimum=1) * text.int("hidden_size", minimum=1)
    full = FullAttention(kv_heads(text), head_size(text))
    return ((full, _mamba2(text, inner)),) * layer_count(text)


def jamba(text: ConfigReader) -> Layers:
    """Jamba: Mamba 1, attention in one layer of each period."""
    period = text.int("attn_layer_period", default=8, minimum=1)
    offset = text.int("attn_layer_offset", default=4)
    state = Mamba1State(
        intermediate_size=text.int("mamba_expand", default=2, minimum=1) * text.int("hidden_size", minimum=1),
        state_size=text.int("mamba_d_state", default=16, minimum=1),
        conv_kernel=text.int("mamba_d_conv", default=4, minimum=1),
    )
    full = FullAttention(kv_heads(text), head_size(text))
    return tuple((full,) if index % period == offset else (state,) for index in range(layer_count(text)))


def mamba1(text: ConfigReader) -> Layers:
    """Mamba and Falcon-Mamba: recurrent layers alone."""
    state = Mamba1State(
        intermediate_size=text.int("intermediate_size", minimum=1),
        state_size=text.int("state_size", default=16, minimum=1),
        conv_kernel=text.int("conv_kernel", default=4, minimum=1),
    )
    return ((state,),) * layer_count(text)


def mamba2(text: ConfigReader) -> Layers:
    """Mamba 2 and Codestral Mamba: recurrent layers alone."""
    state = Mamba2State(
        intermediate_size=text.int("expand", default=2, minimum=1) * text.int("hidden_size", minimum=1),
        num_groups=text.int("n_groups", default=8, minimum=1),
        num_heads=text.int("num_heads", default=128, minimum=1),
        head_dim=text.int("head_dim", default=64, minimum=1),
        state_size=text.int("state_size", default=128, minimum=1),
        conv_kernel=text.int("conv_kernel", default=4, minimum=1),
        chunk_tokens=_chunk_tokens(text),
    )
    return ((state,),) * layer_count(text)


def lfm2(text: ConfigReader) -> Layers:
    """LFM2: gated short convolutions, with full attention in the layers that `layer_types` names."""
    count = layer_count(text)
    state = ShortConvState(
        channels=text.int("conv_dim", "hidden_size", minimum=1),
        conv_kernel=text.int("conv_L_cache", default=3, minimum=1),
    )
    full = FullAttention(kv_heads(text), head_size(text))
    names: Iterable[object] | None = text.optional_list("layer_types")
    if names is None:
        indices = text.optional_list("full_attn_idxs")
        names = ["full_attention" if indices is None or i in indices else "conv" for i in range(count)]
    return _by_name(text, names, {"conv": (state,), "full_attention": (full,)})


def _mamba2(text: ConfigReader, inner: int) -> Mamba2State:
    heads = text.int("mamba_n_heads", default=128, minimum=1)
    stated = text.raw("mamba_d_head")
    return Mamba2State(
        intermediate_size=inner,
        num_groups=text.int("mamba_n_groups", default=1, minimum=1),
        num_heads=heads,
        head_dim=inner // heads if stated in (None, "auto") else text.int("mamba_d_head", minimum=1),
        state_size=text.int("mamba_d_state", default=256, minimum=1),
        conv_kernel=text.int("mamba_d_conv", default=4, minimum=1),
        chunk_tokens=_chunk_tokens(text),
    )


def _chunk_tokens(text: ConfigReader) -> int:
    return text.int("mamba_chunk_size", "chunk_size", default=2048, minimum=1, maximum=1 << 20)


def _by_name(text: ConfigReader, names: Iterable[object], caches: Mapping[str, LayerCaches]) -> Layers:
    layers = []
    for name in names:
        if name not in caches:
            raise NotUnderstoodError(
                f"{text.name}: layer type {str(name)[:40]!r} is not known for this architecture"
            )
        layers.append(caches[str(name)])
    if not layers:
        raise BadInputError(f"{text.name}: the kinds of the layers are not stated")
    return tuple(layers)
