"""The towers of MiniCPM-V and MiniCPM-o: SigLIP, a resampler of a few queries or mergers of patches, Whisper's encoder
(vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Buffer, Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.towers.audio import audio_section, whisper_encoder
from vllm_costmeter.sources.model_config.towers.parts import split_attention, two_layers, vision_section

_POSITIONS = 70 * 70  # Resampler2_5's max_size
_MOMENTS = 36000  # Resampler4_5's max_temporal_size
_JOINED = 2 * 2  # patches that each merger of 4.6 and 4.7 makes one
_AUDIO_POOL = 4  # init_audio_module: encoder_ffn_dim // 4 is what the projection reads


def minicpm_v(source: Source) -> tuple[Part, ...]:
    """Images."""
    return _tower(source, _POSITIONS)


def minicpm_v_timed(source: Source) -> tuple[Part, ...]:
    """Images and videos, whose frames have a position in time (4.5)."""
    return _tower(source, _POSITIONS + _MOMENTS)


def audio(source: Source) -> tuple[Part, ...]:
    """What MiniCPM-o hears with: whole on every rank, never quantized."""
    section = audio_section(source.root)
    inputs, hidden = section.int("encoder_ffn_dim", minimum=_AUDIO_POOL) // _AUDIO_POOL, source.hidden_size
    return (
        *whisper_encoder(section, "apm"),
        Tensor(
            "apm.embed_positions",
            section.int("max_source_positions", minimum=1) * section.int("d_model", minimum=1),
        ),
        replicated("audio_projection_layer.linear1", inputs, hidden, bias=True, quantized=False),
        replicated("audio_projection_layer.linear2", hidden, hidden, bias=True, quantized=False),
    )


def _tower(source: Source, positions: int) -> tuple[Part, ...]:
    # default: MiniCPMVConfig of the checkpoints, OpenBMB, 2024
    drops_last = source.root.bool("drop_vision_last_layer", default=True)
    width = vision_section(source).int("hidden_size", minimum=1)
    return (*_idefics2(source, drops_last=drops_last), *_resampler(source, width, positions))


def minicpm_v4_6(source: Source) -> tuple[Part, ...]:
    """A merger of windows inside the encoder and one behind it; default of transformers' MiniCPMV4_6Config."""
    return _merged(source, drops_last=source.root.bool("drop_vision_last_layer", default=False))


def minicpm_v4_7(source: Source) -> tuple[Part, ...]:
    """As 4.6, every layer kept, whatever the file says."""
    return _merged(source, drops_last=False)


def _merged(source: Source, *, drops_last: bool) -> tuple[Part, ...]:
    """Both mergers join 2 x 2 patches once, whatever `merger_times` and the kernel sizes say."""
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    joined, inner = _JOINED * width, _JOINED * vision.int("intermediate_size", minimum=1)
    return (
        *_idefics2(source, drops_last=drops_last),
        *split_attention(
            "vit_merger.self_attn.qkv_proj", "vit_merger.self_attn.out_proj", width, heads, width // heads
        ),
        *norms(width, "vit_merger.layer_norm1", bias=True),
        *norms(joined, "vit_merger.pre_norm", "merger.mlp.0.pre_norm", bias=True),
        replicated("vit_merger.linear_1", joined, inner, bias=True, quantized=False),
        replicated("vit_merger.linear_2", inner, width, bias=True, quantized=False),
        replicated("merger.mlp.0.linear_1", joined, joined, bias=True, quantized=False),
        replicated("merger.mlp.0.linear_2", joined, source.hidden_size, bias=True, quantized=False),
    )


def _idefics2(source: Source, *, drops_last: bool) -> tuple[Part, ...]:
    vision = vision_section(source)
    width, heads = vision.int("hidden_size", minimum=1), vision.int("num_attention_heads", minimum=1)
    patch = vision.int("patch_size", minimum=1)
    patches = (vision.int("image_size", minimum=1) // patch) ** 2
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    block = (
        *norms(width, "layer_norm1", "layer_norm2", bias=True),
        *split_attention("self_attn.qkv_proj", "self_attn.out_proj", width, heads, width // heads),
        *two_layers("mlp", width, vision.int("intermediate_size", minimum=1), "fc1", "fc2"),
    )
    return (
        Tensor(
            "vpm.embeddings",
            width * (vision.int("num_channels", default=3, minimum=1) * patch**2 + 1 + patches),
        ),
        *norms(width, "vpm.post_layernorm", bias=True),
        Repeated("vpm.encoder.layers", block, depth - drops_last),
    )


def _resampler(source: Source, width: int, positions: int) -> tuple[Part, ...]:
    """Queries that attend to the patches; positions are tables in the model's own dtype."""
    hidden = source.hidden_size
    queries = source.root.int("query_num", minimum=1)
    return (
        Tensor("resampler.query", queries * hidden),
        *((replicated("resampler.kv_proj", width, hidden),) if width != hidden else ()),
        Tensor("resampler.attn", 4 * hidden * (hidden + 1)),
        *norms(hidden, "resampler.ln_q", "resampler.ln_kv", "resampler.ln_post", bias=True),
        Tensor("resampler.proj", hidden * hidden),
        Buffer("resampler.pos_embed", positions * hidden),
    )
