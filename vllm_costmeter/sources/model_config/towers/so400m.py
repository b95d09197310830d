"""DeepSeek-VL2's tower: SigLIP's So400m as the timm package builds it (vLLM 0.32, deepseek_vl2.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Part, Repeated, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms, replicated
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.deep_encoder import deepseek_projector
from vllm_costmeter.sources.model_config.towers.parts import two_layers

_WIDTH, _INNER, _DEPTH, _PATCH, _PATCHES = (
    1152,
    4304,
    27,
    14,
    (384 // 14) ** 2,
)  # vit_so400m_patch14_siglip_384


def deepseek_vl2(source: Source) -> tuple[Part, ...]:
    """vLLM divides the MLPs and leaves the attention whole on every rank, the pooling head's too."""
    projector, out = deepseek_projector(source)
    width = _WIDTH
    block = (
        *norms(width, "norm1", "norm2", bias=True),
        replicated("attn.qkv", width, 3 * width, bias=True, quantized=False),
        replicated("attn.proj", width, width, bias=True, quantized=False),
        *two_layers("mlp", width, _INNER, "fc1", "fc2"),
    )
    pool = (
        Tensor("vision.attn_pool.latent", width),
        replicated("vision.attn_pool.q", width, width, bias=True, quantized=False),
        replicated("vision.attn_pool.kv", width, 2 * width, bias=True, quantized=False),
        replicated("vision.attn_pool.proj", width, width, bias=True, quantized=False),
        *norms(width, "vision.attn_pool.norm", bias=True),
        *two_layers("vision.attn_pool.mlp", width, _INNER, "fc1", "fc2"),
    )
    return (
        Tensor("vision.patch_embed", width * (3 * _PATCH**2 + 1)),
        Tensor("vision.pos_embed", _PATCHES * width),
        Repeated("vision.blocks", block, _DEPTH),
        *norms(width, "vision.norm", bias=True),
        *pool,
        *projector,
        Tensor("image_newline", out),
        Tensor("view_seperator", out),
    )
