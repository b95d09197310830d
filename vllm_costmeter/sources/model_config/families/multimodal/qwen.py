"""Qwen models that see or hear (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import qwen2, qwen3, qwen3_vl
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.qwen_next import prediction, qwen3_5
from vllm_costmeter.sources.model_config.families.moe.qwen import qwen3_vl_moe, qwen_moe
from vllm_costmeter.sources.model_config.families.pooling import deeply_scored, embedder
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.audio import qwen2_5_omni, qwen2_audio, qwen3_asr, qwen3_omni
from vllm_costmeter.sources.model_config.towers.qwen_vl import image_tower
from vllm_costmeter.sources.model_config.towers.qwen_vl import qwen2_5_vl as tower_qwen2_5_vl
from vllm_costmeter.sources.model_config.towers.qwen_vl import qwen2_vl as tower_qwen2_vl
from vllm_costmeter.sources.model_config.towers.qwen_vl import qwen3_vl as tower_qwen3_vl


def aligner(source: Source) -> Weights:
    """Qwen3-ASR with a score per time bin instead of its head, in the served dtype on every pipeline rank; the last one
    keeps its copy of a tied embedding."""
    thinker = source.root.optional_section("thinker_config") or source.root
    bins = Tensor("classifier", thinker.int("classify_num", minimum=1), source.hidden_size)
    weights = embedder(qwen3)(source)
    return replace(weights, everywhere=(*weights.everywhere, bins), is_tied=qwen3(source).is_tied)


BOTH = ("image", "video")
QWEN_VL_NAMES = (
    ("model.visual.", "visual."),
    ("lm_head.", "language_model.lm_head."),
    ("model.language_model.", "language_model.model."),
)
_OMNI_NAMES = (
    ("thinker.model.", "language_model.model."),
    ("thinker.lm_head.", "language_model.lm_head."),
    ("thinker.", ""),
)
_ASR_NAMES = (
    *_OMNI_NAMES,
    ("model.audio_tower.", "audio_tower."),
    ("model.language_model.", "language_model.model."),
)
_CUA_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.visual.", "visual."),
    ("vision_tower.", "visual."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", "language_model.model."),
)
_ALPAMAYO_NAMES = (
    ("vlm.model.visual.", "visual."),
    ("vlm.lm_head.", "language_model.lm_head."),
    ("vlm.model.language_model.", "language_model.model."),
)
_OMNI_INPUTS = ("audio", "image", "video")

QWEN2_VL = Family(qwen2, tower_qwen2_vl, QWEN_VL_NAMES, BOTH, image_tower=image_tower)
QWEN2_5_VL = Family(qwen2, tower_qwen2_5_vl, QWEN_VL_NAMES, BOTH, image_tower=image_tower)
QWEN3_VL = Family(qwen3_vl, tower_qwen3_vl, QWEN_VL_NAMES, BOTH, image_tower=image_tower)
QWEN3_VL_MOE = Family(qwen3_vl_moe, tower_qwen3_vl, QWEN_VL_NAMES, BOTH, image_tower=image_tower)
QWEN3_5 = Family(qwen3_5, tower_qwen3_vl, QWEN_VL_NAMES, BOTH, image_tower=image_tower, prediction=prediction)
QWEN2_AUDIO = Family(qwen2, qwen2_audio, inputs=("audio",))
QWEN2_5_OMNI = Family(qwen2, qwen2_5_omni, _OMNI_NAMES, _OMNI_INPUTS)
QWEN3_OMNI = Family(qwen_moe, qwen3_omni, _OMNI_NAMES, _OMNI_INPUTS)
OPENCUA = Family(qwen2, tower_qwen2_5_vl, _CUA_NAMES)
_ALIGNER_NAMES = (("thinker.lm_head.", "classifier."), *_ASR_NAMES)

QWEN3_ASR = Family(qwen3, qwen3_asr, _ASR_NAMES, inputs=("audio",), tower_is_plain=True)
ALPAMAYO2 = replace(QWEN3_VL, renames=_ALPAMAYO_NAMES, inputs=("image",))
"""Its trajectory expert is not served (vLLM 0.33, alpamayo2_super.py)."""
JINA_VL = replace(QWEN2_VL, build=deeply_scored(qwen2, labels=1), is_pooling=True)
QWEN3_ASR_ALIGNER = replace(QWEN3_ASR, build=aligner, renames=_ALIGNER_NAMES, is_pooling=True)
