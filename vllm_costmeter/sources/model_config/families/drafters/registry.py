"""vLLM's names of drafters: models of their own that a checkpoint of their own describes, and the prediction layers
(MTP) of a model, which come with its family.

The registry group `_SPECULATIVE_DECODING_MODELS` of vLLM 0.32 and 0.33.
"""

from __future__ import annotations

_ROWS = {
    "drafters.beam:dflash2_beam": "DFlash2BeamDraftModel",
    "drafters.dflash:dflash": "DFlashDraftModel DFlashMuseGlimmerAssistantModel MuseGlimmerAssistantModel",
    "drafters.dflash:dflash2": "DFlash2DraftModel",
    "drafters.dflash:dspark": "Qwen3DSparkModel Qwen3OmniDSparkModel",
    "drafters.dflash:lilicorr": "LiLiCorrDraftModel",
    "drafters.dflash:xpress": "DFlashQwen3XPressModel Qwen3XPressModel",
    "drafters.eagle3:eagle3": """
        Eagle3LlamaForCausalLM Eagle3MiniMaxM2ForCausalLM Eagle3Qwen2_5vlForCausalLM Eagle3Qwen3vlForCausalLM
        LlamaForCausalLMEagle3
    """,
    "drafters.eagle3:eagle3_deepseek": "Eagle3DeepseekV2ForCausalLM Eagle3DeepseekV3ForCausalLM",
    "drafters.eagle3:eagle3_qwen3": "Eagle3Qwen3ForCausalLM",
    "drafters.eagle3:peagle": "PEagleDraftModel PeagleLlamaForCausalLM",
    "drafters.eagle3:peagle_qwen3": "PeagleQwen3ForCausalLM",
    "drafters.eagle:cohere_head": "EagleCohereForCausalLM",
    "drafters.eagle:deepseek_v3": "EagleDeepSeekMTPModel",
    "drafters.eagle:eagle": "EagleLlamaForCausalLM",
    "drafters.eagle:llama4": "EagleLlama4ForCausalLM",
    "drafters.eagle:minicpm": "EagleMiniCPMForCausalLM",
    "drafters.eagle:mistral": "EagleMistralForCausalLM",
    "drafters.eagle:mistral_large_3": "EagleMistralLarge3ForCausalLM",
    "drafters.gemma4:gemma4_assistant": "Gemma4MTPModel",
    "drafters.gemma4:gemma4_dspark": "Gemma4DSparkModel",
    "drafters.laguna:laguna_dflash": "DFlashLagunaForCausalLM",
    "drafters.latent_dspark:deepseek_v41_dspark": "DSparkV41DraftModel",
    "drafters.latent_dspark:deepseek_v4_dspark": "DSparkDraftModel",
    "drafters.latent_dspark:kimi_dspark": "K3DSparkModel",
    "drafters.medusa:medusa": "MedusaModel",
    "drafters.muse_spark:muse_spark_dspark": "MuseSparkDSparkModel",
}
HEADS: dict[str, str] = {name: where for where, names in _ROWS.items() for name in names.split()}
"""vLLM's name of a drafter -> where its builder stands: "room.module:name"."""

ALWAYS_SHARED = frozenset(
    {
        "DFlash2BeamDraftModel",
        "DSparkDraftModel",
        "DSparkV41DraftModel",
        "EagleMistralForCausalLM",
        "EagleMistralLarge3ForCausalLM",
        "K3DSparkModel",
    }
)
"""Whose tables vLLM takes for the model's, whatever their checkpoint holds: their classes have no `has_own_*` flag that
is true, or say that they have none."""

PREDICTION_LAYERS = {
    "BailingMoeV25MTPModel": ("BailingMoeV2_5ForCausalLM",),
    "BailingMoeV3MTPModel": ("BailingMoeV3ForCausalLM", "BailingMoeV3VLForConditionalGeneration"),
    "DeepSeekMTPModel": ("DeepseekV3ForCausalLM",),
    "DeepSeekV4MTPModel": ("DeepseekV4ForCausalLM", "DeepseekV4ForConditionalGeneration"),
    "DeepseekV32MTPModel": ("DeepseekV32ForCausalLM", "GlmMoeDsaForCausalLM"),
    "ErnieMTPModel": ("Ernie4_5_MoeForCausalLM",),
    "Exaone4_5_MTP": ("Exaone4_5_ForConditionalGeneration",),
    "ExaoneMoeMTP": ("ExaoneMoEForCausalLM", "ExaoneMoeForCausalLM"),
    "Glm5NextMTPModel": ("Glm5NextForCausalLM", "Glm5NextForConditionalGeneration"),
    "Glm4MoeLiteMTPModel": ("Glm4MoeLiteForCausalLM",),
    "Glm4MoeMTPModel": ("Glm4MoeForCausalLM",),
    "GlmOcrMTPModel": ("GlmOcrForConditionalGeneration",),
    "HYV3MTPModel": ("HYV3ForCausalLM",),
    "HYV4MTPModel": ("HYV4ForCausalLM",),
    "InklingMTPModel": ("InklingForCausalLM", "InklingForConditionalGeneration"),
    "KimiK3MTPModel": ("KimiK3ForConditionalGeneration",),
    "LongCatFlashMTPModel": ("LongcatFlashForCausalLM", "LongcatFlashNgramForCausalLM"),
    "InternS2MobiusMTP": ("InternS2MobiusForConditionalGeneration",),
    "MiMoMTPModel": ("MiMoForCausalLM",),
    "MiMoV2MTPModel": ("MiMoV2FlashForCausalLM", "MiMoV2ForCausalLM"),
    "MiMoV2OmniMTPModel": ("MiMoV2OmniForCausalLM",),
    "MiniMaxM3MTP": ("MiniMaxM3SparseForCausalLM", "MiniMaxM3SparseForConditionalGeneration"),
    "NemotronHMTPModel": ("NemotronHForCausalLM",),
    "OpenPanguMTPModel": ("PanguUltraMoEForCausalLM",),
    "ParseAuxMTPModel": ("RadioMBartPrefixForCausalLM",),
    "Qwen3NextMTP": ("Qwen3NextForCausalLM",),
    "Qwen3_5MTP": ("Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration"),
    "Qwen3_5MoeMTP": (
        "InternS2PreviewForConditionalGeneration",
        "Qwen3_5MoeForCausalLM",
        "Qwen3_5MoeForConditionalGeneration",
    ),
    "Qwen4ExpMTP": ("Qwen4ExpForCausalLM", "Qwen4ExpForConditionalGeneration"),
    "Step5MTP": ("Step5ForCausalLM", "Step5ForConditionalGeneration"),
    "Step3p5MTP": ("Step3p5ForCausalLM", "Step3p7ForConditionalGeneration"),
}
"""vLLM's name of the layers -> the models that they draft for, whose families hold their rules."""
