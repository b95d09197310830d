"""MiniCPM-V and MiniCPM-o (vLLM 0.32, minicpmv.py and minicpmo.py): `version` chooses the language model; from 4.6 on
it is Qwen3.5 (minicpmv4_6.py, minicpmv4_7.py, and 0.33's minicpm_ocr.py, which changes the image's size alone)."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import llama, qwen2, qwen3
from vllm_costmeter.sources.model_config.families.family import Builder, Family, Tower
from vllm_costmeter.sources.model_config.families.hybrid.qwen_next import qwen3_5
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.minicpm import (
    audio,
    minicpm_v,
    minicpm_v4_6,
    minicpm_v4_7,
    minicpm_v_timed,
)

_NAMES = (("llm.", "language_model."),)
_MERGED_NAMES = (
    ("model.vision_tower.vit_merger.", "vit_merger."),
    ("model.vision_tower.", "vpm."),
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", ""),
)


@dataclass(frozen=True, slots=True)
class _Version:
    build: Builder
    tower: Tower


_VISION: Mapping[str, _Version] = {
    "2.5": _Version(llama, minicpm_v),
    "2.6": _Version(qwen2, minicpm_v),
    "4.0": _Version(llama, minicpm_v),
    "4.5": _Version(qwen3, minicpm_v_timed),
}
_OMNI: Mapping[str, _Version] = {name: _VISION[name] for name in ("2.6", "4.5")}


def _version(source: Source, known: Mapping[str, _Version], default: str) -> _Version:
    """NotUnderstoodError for 2.0, whose tower is a timm model, and for what vLLM refuses."""
    stated = source.root.raw("version")
    name = default if stated is None else str(stated)
    if name not in known or (stated is None and source.hidden_size == 2304):  # the width of 2.0
        raise NotUnderstoodError(f"{source.root.name}: MiniCPM of version {name[:20]} is not known")
    return known[name]


def _vision(source: Source) -> Weights:
    return _version(source, _VISION, "2.5").build(source)


def _vision_tower(source: Source) -> tuple[Part, ...]:
    return _version(source, _VISION, "2.5").tower(source)


def _omni(source: Source) -> Weights:
    return _version(source, _OMNI, "2.6").build(source)


def _omni_towers(source: Source) -> tuple[Part, ...]:
    return (*_version(source, _OMNI, "2.6").tower(source), *audio(source))


MINICPM_V = Family(_vision, _vision_tower, _NAMES, ("image", "video"))
MINICPM_O = Family(_omni, _omni_towers, _NAMES, ("image", "video", "audio"))
MINICPM_V4_6 = Family(qwen3_5, minicpm_v4_6, _MERGED_NAMES, ("image", "video"))
MINICPM_V4_7 = Family(qwen3_5, minicpm_v4_7, _MERGED_NAMES, ("image", "video"))
