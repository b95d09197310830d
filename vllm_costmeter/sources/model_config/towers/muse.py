"""What the Muse models see through (vLLM 0.33, muse_glimmer.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.parts import split_attention, vision_section


def glimmer_vision(source: Source) -> tuple[Part, ...]:
    """Its attention is divided by heads, its MLP and the projector are not; none where the file has no tower. Sizes the
    file leaves out are those of transformers' MuseGlimmerVisionConfig and MuseGlimmerConfig (5.x)."""
    if source.root.optional_section("vision_config") is None:
        return ()
    vision, root = vision_section(source), source.root
    width = vision.int("hidden_size", default=1536, minimum=1)
    heads = vision.int("num_attention_heads", default=16, minimum=1)
    inner = vision.int("intermediate_size", default=8960, minimum=1)
    depth = vision.int("num_hidden_layers", default=50, minimum=1, maximum=MAX_LAYERS)
    pixels = (
        3 * vision.int("patch_temporal", default=2, minimum=1) * vision.int("patch_size", default=14) ** 2
    )
    positions = vision.int("pos_emb_height", default=32) * vision.int("pos_emb_width", default=32)
    merged = width * vision.int("merge_size", default=2, minimum=1) ** 2
    middle = root.int("projector_hidden_size", default=4096, minimum=1)
    name = "vision_encoder"
    block = (
        *norms(width, "ln_1", "ln_2", bias=True),
        *split_attention("attn.qkv_proj", "attn.o_proj", width, heads, width // heads),
        replicated("mlp.c_fc", width, inner, bias=True, quantized=False),
        replicated("mlp.c_proj", inner, width, bias=True, quantized=False),
    )
    return (
        Tensor(f"{name}.positional_embedding_vlm", positions, width),
        replicated(f"{name}.conv1_linear", pixels, width, quantized=False),
        *norms(width, f"{name}.ln_pre", f"{name}.ln_post", bias=True),
        Repeated(f"{name}.transformer", block, depth),
        replicated("vision_adapter.c_fc", merged, middle, quantized=False),
        replicated("vision_adapter.c_proj", middle, middle, quantized=False),
        replicated("vision_projection", middle, source.hidden_size, quantized=False),
    )
