"""The visual tokenizers of Ovis (ovis.py, aimv2.py), Ovis 2.5 and 2.6 (ovis2_5.py, siglip2navit.py), in vLLM 0.32: a
tower, a head over visual words, and a table of their embeddings, which every rank holds whole."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import frequencies, split_attention, two_layers
from vllm_costmeter.sources.model_config.towers.siglip import siglip

_NAME = "visual_tokenizer"
_RESERVED = 5  # IMAGE_INDICATOR_IDS: words of the table that no patch can be
_RESERVED_2_5 = 4  # INDICATOR_IDS


def ovis(source: Source) -> tuple[Part, ...]:
    """AIMv2 or SigLIP."""
    tokenizer = source.root.optional_section("visual_tokenizer_config")
    tower = tokenizer.optional_section("backbone_config") if tokenizer is not None else None
    if tokenizer is None or tower is None:
        raise NotUnderstoodError(
            f"{source.root.name}: visual_tokenizer_config.backbone_config is missing, so the tower has no size"
        )
    kind = tower.raw("model_type")
    if kind in ("aimv2", "aimv2_vision_model"):
        parts = _aimv2(tower, f"{_NAME}.backbone")
    elif kind == "siglip_vision_model":
        parts = siglip(source, name=f"{_NAME}.backbone.vision_model", section=tower)
    else:
        raise NotUnderstoodError(f"{tower.name}: {tower.path}model_type is neither AIMv2 nor SigLIP")
    words = tokenizer.int("vocab_size", default=16384, minimum=_RESERVED + 1)
    stride = tokenizer.int("hidden_stride", default=1, minimum=1)
    width = tower.int("hidden_size", minimum=1)
    return (*parts, *_words(source, width * stride**2, words, words - _RESERVED))


def ovis2_5(source: Source) -> tuple[Part, ...]:
    """SigLIP 2 with rotary positions."""
    tower = source.root.optional_section("vit_config")
    if tower is None or tower.raw("model_type") not in (None, "siglip2_navit"):
        raise NotUnderstoodError(f"{source.root.name}: vit_config is no SigLIP 2 (siglip2_navit)")
    words = source.root.int("visual_vocab_size", minimum=_RESERVED_2_5 + 1)
    merged = tower.int("hidden_size", minimum=1) * tower.int("hidden_stride", minimum=1) ** 2
    return (*_siglip2_navit(tower), *_words(source, merged, words, words - _RESERVED_2_5))


def _words(source: Source, merged: int, words: int, chosen: int) -> tuple[Part, ...]:
    return (
        replicated(f"{_NAME}.head.0", merged, chosen, quantized=False),
        *norms(chosen, f"{_NAME}.head.1", bias=True),
        Tensor("vte", words * source.root.int("hidden_size", default=source.hidden_size, minimum=1)),
    )


def _aimv2(tower: ConfigReader, name: str) -> tuple[Part, ...]:
    width, heads = tower.int("hidden_size", minimum=1), tower.int("num_attention_heads", minimum=1)
    inner, patch = tower.int("intermediate_size", minimum=1), tower.int("patch_size", minimum=1)
    patches = (tower.int("image_size", minimum=1) // patch) ** 2
    pixels = tower.int("num_channels", default=3, minimum=1) * patch**2
    mlp_bias = tower.bool("mlp_bias", default=tower.bool("use_bias", default=False))
    shares = (Output(heads, width // heads),) * 3
    block: tuple[Part, ...] = (
        Linear("attn.qkv", width, shares, "column", bias=tower.bool("qkv_bias", default=False)),
        row("attn.proj", width, width, bias=mlp_bias),
        column("mlp.fc13", width, inner, inner, bias=mlp_bias, fused_from=("fc1", "fc3")),
        row("mlp.fc2", inner, width, bias=mlp_bias),
        *norms(width, "norm_1", "norm_2"),
    )
    depth = tower.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    return (
        Tensor(f"{name}.preprocessor", width * (pixels + 1 + 1 + patches)),
        Repeated(f"{name}.trunk.blocks", block, depth),
    )


def _siglip2_navit(tower: ConfigReader) -> tuple[Part, ...]:
    width, heads = tower.int("hidden_size", minimum=1), tower.int("num_attention_heads", minimum=1)
    patch, name = tower.int("patch_size", minimum=1), f"{_NAME}.vit.vision_model"
    stated = tower.raw("num_patches")
    patches = stated if isinstance(stated, int) and stated > 0 else None
    positions = patches or (tower.int("image_size", minimum=1) // patch) ** 2
    keeps_positions = tower.bool("preserve_original_pe", default=False)
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, tower.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    pixels = tower.int("num_channels", default=3, minimum=1) * patch**2
    return (
        Tensor(f"{name}.embeddings.patch_embedding", width * (pixels + 1)),
        *((Tensor(f"{name}.embeddings.position_embedding", positions * width),) if keeps_positions else ()),
        frequencies(f"{name}.encoder.rotary_pos_emb", width // heads),
        Repeated(
            f"{name}.encoder.layers", block, tower.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
        ),
        *norms(width, f"{name}.post_layernorm", bias=True),
    )
