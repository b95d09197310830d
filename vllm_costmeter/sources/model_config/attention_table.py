"""Which rule reads which architecture: names of vLLM's model registry (read in 0.32; some older names in 0.19).

A name stands here only where its vLLM model builds its attention by that rule; all others are unknown.
"""

from __future__ import annotations

from vllm_costmeter.sources.model_config.attention_heads import (
    Family,
    chatglm,
    cohere,
    dbrx,
    encoder_only,
    falcon,
    full_everywhere,
    gpt_bigcode,
    gpt_oss,
    interleaved,
    listed,
    llama4,
    mimo_v2,
    minicpm3,
    nemotron_nas,
    plain,
    whisper,
)
from vllm_costmeter.sources.model_config.attention_latent import (
    compressed,
    latent,
    sparse_latent,
    two_latents_per_layer,
)
from vllm_costmeter.sources.model_config.attention_recurrent import (
    falcon_h1,
    gated_delta,
    granite_hybrid,
    jamba,
    kimi_linear,
    lfm2,
    lightning,
    mamba1,
    mamba2,
    nemotron_h,
)
from vllm_costmeter.sources.model_config.attention_shared import gemma3n, gemma4

_NAMES: dict[Family, str] = {
    plain: """
        LlamaForCausalLM LLaMAForCausalLM LlamaModel MistralForCausalLM MistralModel Ministral3ForCausalLM
        InternLM3ForCausalLM IQuestCoderForCausalLM TeleChat3ForCausalLM Qwen2ForCausalLM Qwen2Model
        Qwen2ForRewardModel Qwen2ForProcessRewardModel Qwen2MoeForCausalLM Qwen3ForCausalLM Qwen3MoeForCausalLM
        MixtralForCausalLM GraniteForCausalLM GraniteMoeForCausalLM GraniteMoeSharedForCausalLM
        Phi3ForCausalLM PhiMoEForCausalLM MiMoForCausalLM SmolLM3ForCausalLM Starcoder2ForCausalLM
        Olmo3ForCausalLM CwmForCausalLM AfmoeForCausalLM EagleLlamaForCausalLM Eagle3LlamaForCausalLM
        LlamaForCausalLMEagle3
    """,
    full_everywhere: """
        GemmaForCausalLM InternLM2ForCausalLM InternLM2ForRewardModel OlmoeForCausalLM MiniMaxM2ForCausalLM
        Ernie4_5ForCausalLM Ernie4_5_MoeForCausalLM Glm4ForCausalLM Glm4MoeForCausalLM ExaoneForCausalLM
        SolarForCausalLM OrionForCausalLM StableLmForCausalLM NemotronForCausalLM DeepseekForCausalLM
        BailingMoeForCausalLM BailingMoeV2ForCausalLM GPT2LMHeadModel GPT2ForSequenceClassification GPTJForCausalLM
        OPTForCausalLM BloomForCausalLM TeleChat2ForCausalLM TeleFLMForCausalLM HyperCLOVAXForCausalLM
        MiniCPMForCausalLM ArceeForCausalLM OlmoForCausalLM Olmo2ForCausalLM SeedOssForCausalLM GPTNeoXForCausalLM
        PanguEmbeddedForCausalLM ApertusForCausalLM Jais2ForCausalLM HunYuanMoEV1ForCausalLM PhiForCausalLM
        GlmForCausalLM HunYuanDenseV1ForCausalLM HYV3ForCausalLM
    """,
    interleaved(2): "Gemma2ForCausalLM Gemma2Model VaultGemmaForCausalLM",
    gemma3n: "Gemma3nForCausalLM",
    minicpm3: "MiniCPM3ForCausalLM",
    gpt_bigcode: "GPTBigCodeForCausalLM",
    interleaved(6): "Gemma3ForCausalLM Gemma3TextModel Gemma3ForConditionalGeneration",
    gemma4: "Gemma4ForCausalLM Gemma4ForConditionalGeneration Gemma4UnifiedForConditionalGeneration",
    cohere: "CohereForCausalLM Cohere2ForCausalLM Cohere2MoeForCausalLM",
    listed: """
        GraniteSWAForCausalLM GraniteMoeSWAForCausalLM Exaone4ForCausalLM ExaoneMoeForCausalLM ExaoneMoEForCausalLM
    """,
    gpt_oss: "GptOssForCausalLM",
    llama4: "Llama4ForCausalLM Llama4ForConditionalGeneration",
    mimo_v2: "MiMoV2FlashForCausalLM MiMoV2ForCausalLM",
    nemotron_nas: "DeciLMForCausalLM",
    falcon: "FalconForCausalLM",
    dbrx: "DbrxForCausalLM",
    chatglm: "ChatGLMModel ChatGLMForConditionalGeneration",
    whisper: "WhisperForConditionalGeneration",
    latent: """
        DeepseekV2ForCausalLM DeepseekV3ForCausalLM MistralLarge3ForCausalLM Glm4MoeLiteForCausalLM
        KimiK25ForConditionalGeneration KimiVLForConditionalGeneration
    """,
    sparse_latent: "DeepseekV32ForCausalLM GlmMoeDsaForCausalLM",
    two_latents_per_layer: "LongcatFlashForCausalLM",
    compressed: "DeepseekV4ForCausalLM",
    nemotron_h: "NemotronHForCausalLM",
    gated_delta: """
        Qwen3NextForCausalLM Qwen3_5ForCausalLM Qwen3_5MoeForCausalLM Qwen3_5ForConditionalGeneration
        Qwen3_5MoeForConditionalGeneration
    """,
    kimi_linear: "KimiLinearForCausalLM",
    lightning: "MiniMaxText01ForCausalLM MiniMaxM1ForCausalLM MiniMaxForCausalLM",
    granite_hybrid: "GraniteMoeHybridForCausalLM",
    falcon_h1: "FalconH1ForCausalLM",
    jamba: "JambaForCausalLM JambaForSequenceClassification",
    mamba1: "MambaForCausalLM FalconMambaForCausalLM",
    mamba2: "Mamba2ForCausalLM",
    lfm2: "Lfm2ForCausalLM Lfm2MoeForCausalLM Lfm2VlForConditionalGeneration",
    encoder_only: """
        BertModel BertForMaskedLM BertForSequenceClassification BertForTokenClassification
        BertSpladeSparseEmbeddingModel BgeM3EmbeddingModel RobertaModel RobertaForMaskedLM
        RobertaForSequenceClassification RobertaForTokenClassification XLMRobertaModel
        XLMRobertaForSequenceClassification XLMRobertaForTokenClassification ModernBertModel
        ModernBertForSequenceClassification ModernBertForTokenClassification NomicBertModel GteModel
    """,
}
FAMILIES: dict[str, Family] = {name: family for family, names in _NAMES.items() for name in names.split()}

_WRAPPERS = """
    LlavaForConditionalGeneration LlavaNextForConditionalGeneration LlavaNextVideoForConditionalGeneration
    LlavaOnevisionForConditionalGeneration Mistral3ForConditionalGeneration PixtralForConditionalGeneration
    Qwen2VLForConditionalGeneration Qwen2_5_VLForConditionalGeneration Qwen3VLForConditionalGeneration
    Qwen3VLMoeForConditionalGeneration Qwen2AudioForConditionalGeneration InternVLChatModel
    InternVLForConditionalGeneration InternS1ForConditionalGeneration Idefics3ForConditionalGeneration
    SmolVLMForConditionalGeneration PaliGemmaForConditionalGeneration AriaForConditionalGeneration
    Glm4vForConditionalGeneration Glm4vMoeForConditionalGeneration VoxtralForConditionalGeneration
    Cohere2VisionForConditionalGeneration Qwen2_5OmniModel Qwen2_5OmniForConditionalGeneration
    Qwen3OmniMoeForConditionalGeneration
"""
WRAPPERS = frozenset(_WRAPPERS.split())
"""Multimodal models whose language model is another model of this table, named by their text section."""

MODEL_TYPES: dict[str, Family] = {
    **dict.fromkeys(
        (
            "llama",
            "mistral",
            "ministral3",
            "qwen2",
            "qwen2_moe",
            "qwen3",
            "qwen3_moe",
            "mixtral",
            "phi3",
            "granite",
        ),
        plain,
    ),
    **dict.fromkeys(
        (
            "qwen2_5_omni_text",
            "qwen3_omni_moe_text",
            "qwen2_vl_text",
            "qwen2_5_vl_text",
            "qwen3_vl_text",
            "qwen3_vl_moe_text",
            "qwen2_vl",
            "qwen2_5_vl",
        ),
        plain,
    ),
    **dict.fromkeys(
        ("gemma", "internlm2", "aria_text", "glm4", "glm4v_text", "glm4v_moe_text"), full_everywhere
    ),
    "gemma2": interleaved(2),
    "gemma3_text": interleaved(6),
    "gpt_oss": gpt_oss,
    "cohere2": cohere,
    "deepseek_v3": latent,
    "qwen3_next": gated_delta,
}
"""The rule of a text section that names no architecture, by its `model_type`."""
