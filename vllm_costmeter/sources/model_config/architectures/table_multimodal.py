"""Models that see or hear, by their names in vLLM's registry: a language model and its towers."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.architectures import (
    audio,
    dense,
    dense_variants,
    gemma,
    hybrid,
    llama4,
    mla,
    moe,
    moe_dense_first,
    short_convolution,
    vision,
    vision_internvl,
    vision_siglip,
    vision_towers,
    whisper,
)
from vllm_costmeter.sources.model_config.architectures.architecture import Architecture, of_style

_BOTH = ("image", "video")
_QWEN_VL_NAMES = (
    ("model.visual.", "visual."),
    ("lm_head.", "language_model.lm_head."),
    ("model.language_model.", "language_model.model."),
)
_GEMMA_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_tower."),
    ("model.embed_vision.", "embed_vision."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("lm_head.", "language_model.lm_head."),
)

_OMNI_NAMES = (
    ("thinker.model.", "language_model.model."),
    ("thinker.lm_head.", "language_model.lm_head."),
    ("thinker.", ""),
)
_LFM2_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", ""),
)
_IDEFICS_NAMES = (
    ("model.text_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.vision_model.", "vision_tower.vision_model."),
)
_OMNI = Architecture(of_style(dense.QWEN2), audio.qwen2_5_omni, _OMNI_NAMES, ("audio", "image", "video"))
_IDEFICS = Architecture(
    vision_siglip.text_of({"llama": of_style(dense.LLAMA)}),
    vision_siglip.idefics3,
    _IDEFICS_NAMES,
    is_pipelined=False,
)
_LLAMAS = {"llama": of_style(dense.LLAMA), "mistral": of_style(dense.LLAMA), "qwen2": of_style(dense.QWEN2)}

_MISTRALS = dict.fromkeys(("mistral", "ministral3", "llama"), of_style(dense.LLAMA))
_QWENS = {"qwen2": of_style(dense.QWEN2), "qwen3": of_style(dense.QWEN3)}

MULTIMODAL: dict[str, Architecture] = {
    "Lfm2VlForConditionalGeneration": Architecture(
        short_convolution.lfm2, vision_siglip.lfm2_vl, _LFM2_NAMES
    ),
    "Gemma4UnifiedForConditionalGeneration": Architecture(
        gemma.gemma4, vision.gemma4_unified, _GEMMA_NAMES, ("image", "video", "audio")
    ),
    "Qwen3OmniMoeForConditionalGeneration": Architecture(
        moe.qwen_moe, audio.qwen3_omni, _OMNI_NAMES, ("audio", "image", "video")
    ),
    "Cohere2VisionForConditionalGeneration": Architecture(
        vision_siglip.text_of({"cohere2": dense_variants.cohere}), vision_siglip.cohere2_vision
    ),
    "Idefics3ForConditionalGeneration": _IDEFICS,
    "SmolVLMForConditionalGeneration": _IDEFICS,
    "LlavaNextForConditionalGeneration": Architecture(
        vision_siglip.text_of(_LLAMAS), vision_siglip.llava_next
    ),
    "LlavaOnevisionForConditionalGeneration": Architecture(
        vision_siglip.text_of(_LLAMAS), vision_siglip.llava_onevision, inputs=_BOTH
    ),
    "PaliGemmaForConditionalGeneration": Architecture(
        vision_siglip.text_of({"gemma": gemma.gemma, "gemma2": gemma.gemma2}), vision_siglip.paligemma
    ),
    "Qwen2AudioForConditionalGeneration": Architecture(
        of_style(dense.QWEN2), audio.qwen2_audio, inputs=("audio",)
    ),
    "Qwen2_5OmniForConditionalGeneration": _OMNI,
    "Qwen2_5OmniModel": _OMNI,
    "Gemma3ForConditionalGeneration": Architecture(gemma.gemma3, vision.gemma3, _GEMMA_NAMES),
    "Gemma4ForConditionalGeneration": Architecture(gemma.gemma4, vision.gemma4, _GEMMA_NAMES, _BOTH),
    "Glm4vForConditionalGeneration": Architecture(
        dense_variants.glm4, vision_internvl.glm4v, _QWEN_VL_NAMES, _BOTH
    ),
    "Glm4vMoeForConditionalGeneration": Architecture(
        moe_dense_first.glm4_moe, vision_internvl.glm4v, _QWEN_VL_NAMES, _BOTH
    ),
    "InternVLForConditionalGeneration": Architecture(
        vision_siglip.text_of(_QWENS), vision_internvl.intern_vit, _QWEN_VL_NAMES, _BOTH
    ),
    "KimiK25ForConditionalGeneration": Architecture(
        mla.deepseek, vision.moonvit, inputs=("vision_chunk",), tower_is_plain=True
    ),
    "KimiVLForConditionalGeneration": Architecture(mla.deepseek, vision_internvl.kimi_vl),
    "Llama4ForConditionalGeneration": Architecture(llama4.llama4, vision.llama4),
    "LlavaForConditionalGeneration": Architecture(vision_siglip.text_of(_LLAMAS), vision_siglip.llava_any),
    "Mistral3ForConditionalGeneration": Architecture(
        vision_siglip.text_of(_MISTRALS), vision_towers.mistral3
    ),
    "Qwen2_5_VLForConditionalGeneration": Architecture(
        of_style(dense.QWEN2), vision_towers.qwen2_5_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen2VLForConditionalGeneration": Architecture(
        of_style(dense.QWEN2), vision_towers.qwen2_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3_5ForConditionalGeneration": Architecture(
        lambda source: hybrid.qwen_hybrid(source, interleaved=False), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3_5MoeForConditionalGeneration": Architecture(
        lambda source: hybrid.qwen_hybrid(source, interleaved=False), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3VLForConditionalGeneration": Architecture(
        of_style(dense.QWEN3_VL), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3VLMoeForConditionalGeneration": Architecture(
        lambda source: moe.qwen_moe(source, dense.QWEN3_VL), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "WhisperForConditionalGeneration": Architecture(
        whisper.whisper, is_encoder_decoder=True, is_pipelined=False
    ),
}
