"""Vision towers and their projectors. Most divide heads and MLPs by tensor parallelism; patch embeddings, norms
and the towers that vLLM borrows from transformers are whole on every rank. Every pipeline rank holds a tower."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Linear, Output, Part, Repeated, Tensor
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.architectures.blocks import column, norms, replicated, row
from vllm_costmeter.sources.model_config.architectures.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

_QWEN_POSITIONS = 8192  # table length that vLLM 0.32's qwen3_vl.py and qwen2_5_vl.py pass to get_rope
_INT64_BYTES = 8
_COMPLEX64_BYTES = 8


def vision_section(source: Source) -> ConfigReader:
    section = source.root.optional_section("vision_config")
    if section is None:
        raise NotUnderstoodError(f"{source.root.name}: vision_config is missing, so the tower has no size")
    return section


def qwen3_vl(source: Source) -> tuple[Part, ...]:
    """Qwen3-VL and Qwen3.5: a ViT, a patch merger and, in Qwen3-VL, mergers that feed deeper layers."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_heads", minimum=1)
    depth = vision.int("depth", minimum=1, maximum=MAX_LAYERS)
    out = vision.int("out_hidden_size", minimum=1)
    merged = width * vision.int("spatial_merge_size", default=2, minimum=1) ** 2
    deepstack = len(vision.optional_list("deepstack_visual_indexes") or [])
    patch = (
        vision.int("in_channels", "in_chans", default=3, minimum=1)
        * vision.int("temporal_patch_size", default=2, minimum=1)
        * vision.int("patch_size", default=16, minimum=1) ** 2
    )
    head_size = width // heads
    parts: list[Part] = [
        Tensor("visual.patch_embed.proj", width * (patch + 1)),
        Tensor("visual.pos_embed", vision.int("num_position_embeddings", minimum=1) * width),
        *_merger("visual.merger", width, merged, out),
        Buffer("visual.rotary_pos_emb", _QWEN_POSITIONS * (head_size // 2)),
    ]
    for index in range(deepstack):
        parts += _merger(f"visual.deepstack_merger_list.{index}", merged, merged, out)
    block = (
        *norms(width, "norm1", "norm2", bias=True),
        *split_attention("attn.qkv", "attn.proj", width, heads, head_size),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "linear_fc1", "linear_fc2"),
    )
    return (*parts, *_repeat("visual.blocks", block, depth))


def siglip(source: Source, *, has_post_norm: bool = True, has_position_ids: bool = True) -> tuple[Part, ...]:
    """The SigLIP tower of Gemma 3 and others."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    patch = vision.int("patch_size", minimum=1)
    patches = vision.optional_int("num_patches", minimum=1)  # SigLIP 2 takes images of any shape
    positions = patches or (vision.int("image_size", minimum=1) // patch) ** 2
    pixels = vision.int("num_channels", default=3, minimum=1) * patch**2
    name = "vision_tower.vision_model"
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    return (
        Tensor(f"{name}.embeddings.patch_embedding", width * (pixels + 1)),
        Tensor(f"{name}.embeddings.position_embedding", positions * width),
        *((Buffer(f"{name}.embeddings.position_ids", positions, _INT64_BYTES),) if has_position_ids else ()),
        *(norms(width, f"{name}.post_layernorm", bias=True) if has_post_norm else ()),
        *_repeat(f"{name}.encoder.layers", block, depth),
    )


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


def llama4(source: Source) -> tuple[Part, ...]:
    """Llama 4's ViT, its pixel-shuffle adapter and the projector; defaults of transformers' Llama4VisionConfig."""
    vision = source.root.optional_section("vision_config") or ConfigReader(
        {}, source.root.name, "vision_config."
    )
    width = vision.int("hidden_size", default=768, minimum=1)
    heads = vision.int("num_attention_heads", default=16, minimum=1)
    patch = vision.int("patch_size", default=14, minimum=1)
    positions = (vision.int("image_size", default=448, minimum=1) // patch) ** 2 + 1
    inner = vision.int("intermediate_size", default=5632, minimum=1)
    projector = vision.int("projector_input_dim", default=4096, minimum=1)
    adapter = vision.int("projector_output_dim", default=4096, minimum=1)
    vision_out = vision.int("vision_output_dim", default=7680, minimum=1)
    head_size = width // heads
    block = (
        *norms(width, "input_layernorm", "post_attention_layernorm", bias=True),
        *split_attention("self_attn.qkv_proj", "self_attn.o_proj", width, heads, head_size),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
    )
    depth = vision.int("num_hidden_layers", default=34, minimum=1, maximum=MAX_LAYERS)
    name = "vision_model"
    return (
        Tensor(f"{name}.class_embedding", width),
        Tensor(f"{name}.positional_embedding_vlm", positions * width),
        column(f"{name}.patch_embedding.linear", 3 * patch**2, width),
        *norms(width, f"{name}.layernorm_pre", f"{name}.layernorm_post", bias=True),
        *_repeat(f"{name}.model.layers", block, depth),
        Buffer(f"{name}.rotary_emb", positions * (head_size // 2), _COMPLEX64_BYTES),
        column(f"{name}.vision_adapter.mlp.fc1", inner, projector),
        row(f"{name}.vision_adapter.mlp.fc2", projector, adapter),
        column("multi_modal_projector.linear_1", vision_out, source.hidden_size),
    )


def moonvit(source: Source) -> tuple[Part, ...]:
    """Kimi K2.5's MoonViT and its projector, which every rank holds whole."""
    vision = vision_section(source)
    width = vision.int("vt_hidden_size", "hidden_size", minimum=1)
    heads = vision.int("vt_num_attention_heads", "num_attention_heads", minimum=1)
    inner = vision.int("vt_intermediate_size", "intermediate_size", minimum=1)
    depth = vision.int("vt_num_hidden_layers", "num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    pixels = 3 * vision.int("patch_size", minimum=1) ** 2
    positions = vision.int("init_pos_emb_height", minimum=1) * vision.int("init_pos_emb_width", minimum=1)
    kernel = vision.optional_list("merge_kernel_size") or [2, 2]
    merged = width
    for size in kernel:
        merged *= size if isinstance(size, int) else 1
    block = (
        *norms(width, "norm0", "norm1", bias=True),
        *split_attention("wqkv", "wo", width, heads, width // heads),
        *two_layers("mlp", width, inner, "fc0", "fc1"),
    )
    name = "vision_tower"
    return (
        Tensor(f"{name}.patch_embed", width * (pixels + 1 + positions)),
        Buffer(f"{name}.time_weight", vision.int("init_pos_emb_time", default=4, minimum=1) * width),
        *_repeat(f"{name}.encoder.blocks", block, depth),
        *norms(width, f"{name}.encoder.final_layernorm", "mm_projector.pre_norm", bias=True),
        replicated("mm_projector.linear_1", merged, merged, bias=True, quantized=False),
        replicated("mm_projector.linear_2", merged, source.hidden_size, bias=True, quantized=False),
    )


def split_attention(name: str, out: str, width: int, heads: int, head_size: int) -> tuple[Part, ...]:
    shares = (Output(heads, head_size),) * 3
    return (Linear(name, width, shares, "column", bias=True), row(out, heads * head_size, width, bias=True))


def two_layers(name: str, width: int, inner: int, first: str, second: str) -> tuple[Part, ...]:
    return (
        column(f"{name}.{first}", width, inner, bias=True),
        row(f"{name}.{second}", inner, width, bias=True),
    )


def _merger(name: str, norm_width: int, merged: int, out: int) -> tuple[Part, ...]:
    return (
        *norms(norm_width, f"{name}.norm", bias=True),
        column(f"{name}.linear_fc1", merged, merged, bias=True),
        row(f"{name}.linear_fc2", merged, out, bias=True),
    )


def _repeat(name: str, block: tuple[Part, ...], count: int) -> tuple[Part, ...]:
    return (Repeated(name, block, count),)
