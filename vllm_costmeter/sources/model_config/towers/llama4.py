"""Llama 4's ViT (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, norms, row
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import split_attention, two_layers

_COMPLEX64_BYTES = 8


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
        Repeated(f"{name}.model.layers", block, depth),
        Buffer(f"{name}.rotary_emb", positions * (head_size // 2), _COMPLEX64_BYTES),
        column(f"{name}.vision_adapter.mlp.fc1", inner, projector),
        row(f"{name}.vision_adapter.mlp.fc2", projector, adapter),
        column("multi_modal_projector.linear_1", vision_out, source.hidden_size),
    )
