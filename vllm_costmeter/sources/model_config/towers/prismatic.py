"""OpenVLA's towers, DINOv2 and SigLIP's So400m side by side as the timm package builds them, and the projector that
joins them (vLLM 0.32, openvla.py). Sizes are fixed: vLLM refuses any others."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.sources.model_config.families.blocks import column, replicated, row
from vllm_costmeter.sources.model_config.families.source import Source

_TOWERS = ("vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224")
_VALUES = (303_230_976, 427_680_704)  # parameters of timm 1.0.31's models at 224 pixels, counted 2026-11
_WIDTH = 1024 + 1152


def openvla(source: Source) -> tuple[Part, ...]:
    root = source.root
    named = root.optional_list("timm_model_ids")
    if (named is not None and tuple(named) != _TOWERS) or not root.bool(
        "use_fused_vision_backbone", default=True
    ):
        raise NotUnderstoodError(f"{root.name}: OpenVLA with towers that vLLM refuses")
    hidden = source.hidden_size
    return (
        *(
            Tensor(f"vision_backbone.{name}_featurizer", values)
            for name, values in zip(("dinov2", "siglip"), _VALUES, strict=True)
        ),
        column("projector.fc1", _WIDTH, 4 * _WIDTH, bias=True),
        row("projector.fc2", 4 * _WIDTH, hidden, bias=True),
        replicated("projector.fc3", hidden, hidden, bias=True),
    )
