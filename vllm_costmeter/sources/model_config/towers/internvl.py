"""InternVL's tower (vLLM 0.32, interns1_vit.py)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import MAX_LAYERS, Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.towers.parts import two_layers, vision_section


def intern_vit(source: Source) -> tuple[Part, ...]:
    """InternVL's tower as transformers writes it: attention whole on every rank, its MLP divided."""
    vision = vision_section(source)
    width = vision.int("hidden_size", minimum=1)
    inner = vision.int("intermediate_size", minimum=1)
    depth = vision.int("num_hidden_layers", minimum=1, maximum=MAX_LAYERS)
    patch, image = _side(vision, "patch_size"), _side(vision, "image_size")
    bias = vision.bool("attention_bias", default=False)
    is_layer_norm = (vision.optional_str("norm_type") or "layer_norm") == "layer_norm"
    qk_norms = ("attention.q_norm", "attention.k_norm") if vision.bool("use_qk_norm", default=False) else ()
    block = (
        replicated("attention.q_proj", width, width, bias=bias, quantized=False),
        replicated("attention.k_proj", width, width, bias=bias, quantized=False),
        replicated("attention.v_proj", width, width, bias=bias, quantized=False),
        replicated("attention.projection_layer", width, width, bias=True, quantized=False),
        *two_layers("mlp", width, inner, "fc1", "fc2"),
        *norms(width, *qk_norms),
        *norms(width, "layernorm_before", "layernorm_after", bias=is_layer_norm),
        *norms(width, "lambda_1", "lambda_2"),
    )
    patches = (image // patch) ** 2
    has_positions = vision.bool("use_absolute_position_embeddings", default=True)
    ratio = source.root.float("downsample_ratio", default=0.5)
    merged = width * round(1 / ratio) ** 2 if 0.0 < ratio <= 1.0 else width
    name, projector, hidden = "vision_tower", "multi_modal_projector", source.hidden_size
    return (
        Tensor(f"{name}.embeddings", width * (1 + 1 + 3 * patch**2 + has_positions * (patches + 1))),
        Repeated(f"{name}.encoder.layer", block, depth),
        *norms(merged, f"{projector}.layer_norm", bias=True),
        replicated(f"{projector}.linear_1", merged, hidden, bias=True, quantized=False),
        replicated(f"{projector}.linear_2", hidden, hidden, bias=True, quantized=False),
    )


def _side(vision: ConfigReader, key: str) -> int:
    """A size that may be given as a number or as height and width."""
    stated = vision.raw(key)
    if isinstance(stated, list):
        if len(stated) != 2 or stated[0] != stated[1] or not isinstance(stated[0], int) or stated[0] < 1:
            raise NotUnderstoodError(f"{vision.name}: {vision.path}{key} is no square")
        return stated[0]
    return vision.int(key, minimum=1)
