"""The towers of Gemma 3 and 4 (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Part, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import column, norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import vision_section
from vllm_costmeter.sources.model_config.towers.siglip import siglip


def gemma3(source: Source) -> tuple[Part, ...]:
    width = vision_section(source).int("hidden_size", minimum=1)
    return (
        *siglip(source),
        Tensor("multi_modal_projector.mm_input_projection_weight", width * source.hidden_size),
        *norms(width, "multi_modal_projector.mm_soft_emb_norm"),
    )


def gemma4(source: Source) -> tuple[Part, ...]:
    """Gemma 4's tower, a transformers module: whole on every rank and never quantized."""
    vision = vision_section(source)
    if source.root.optional_section("audio_config") is not None:
        raise NotUnderstoodError(f"{source.root.name}: the weights of Gemma 4's audio tower are not known")
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    head_size = vision.int("head_dim", default=width // heads, minimum=1)
    kv_heads = vision.int("num_key_value_heads", default=heads, minimum=1)
    inner = vision.int("intermediate_size", minimum=1)
    clip = 16 if vision.bool("use_clipped_linears", default=False) else 0
    pixels = 3 * vision.int("patch_size", minimum=1) ** 2
    table = 2 * vision.int("position_embedding_size", minimum=1) * width
    per_block = (
        2 * width * (heads + kv_heads) * head_size
        + 2 * head_size
        + 3 * width * inner
        + 4 * width
        + 7 * clip // 4
    )
    parts: list[Part] = [
        Tensor("vision_tower.patch_embedder", table + width * pixels),
        Tensor(
            "vision_tower.encoder.layers",
            per_block * vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS),
        ),
        Buffer("vision_tower.encoder.rotary_emb", 2 * (head_size // 4), FLOAT32_BYTES),
        replicated("embed_vision.embedding_projection", width, source.hidden_size),
    ]
    if vision.bool("standardize", default=False):
        parts.append(Buffer("vision_tower.std", 2 * width))
    return tuple(parts)


def gemma4_unified(source: Source) -> tuple[Part, ...]:
    """Gemma 4 without encoders: patches and sound go through one projection each; defaults of transformers 5.19."""
    vision, audio = vision_section(source), source.root.optional_section("audio_config")
    width = vision.int("mm_embed_dim", default=3840, minimum=1)
    side = vision.int("patch_size", default=16, minimum=1) * vision.int(
        "pooling_kernel_size", default=3, minimum=1
    )
    pixels, positions = 3 * side**2, vision.int("mm_posemb_size", default=1120, minimum=1)
    name, hidden = "vision_embedder", source.hidden_size
    parts: list[Part] = [
        Tensor(f"{name}.pos_embedding", 2 * positions, width),
        *norms(pixels, f"{name}.patch_ln1", bias=True),
        column(f"{name}.patch_dense", pixels, width, bias=True),
        *norms(width, f"{name}.patch_ln2", f"{name}.pos_norm", bias=True),
        replicated("embed_vision.embedding_projection", width, hidden),
    ]
    if audio is not None:
        inputs = audio.int("audio_embed_dim", default=640, minimum=1)
        parts.append(replicated("embed_audio.embedding_projection", inputs, hidden))
    return tuple(parts)
