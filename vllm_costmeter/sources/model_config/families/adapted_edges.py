"""Whether vLLM's model takes LoRA adapters on its input embedding and output head (`embedding_modules`, vLLM 0.32)."""

from __future__ import annotations

_BOTH = """
    DeciLMForCausalLM Ernie4_5ForCausalLM Exaone4ForCausalLM ExaoneForCausalLM ExaoneMoEForCausalLM
    ExaoneMoeForCausalLM FalconH1ForCausalLM GraniteForCausalLM GraniteMoeForCausalLM GraniteMoeHybridForCausalLM
    GraniteMoeSharedForCausalLM HyperCLOVAXForCausalLM IQuestCoderForCausalLM InternLM3ForCausalLM JambaForCausalLM
    LLaMAForCausalLM Lfm2ForCausalLM Lfm2MoeForCausalLM LlamaForCausalLM LlavaForConditionalGeneration
    MiniCPMForCausalLM Mistral3ForConditionalGeneration MistralForCausalLM MixtralForCausalLM NemotronForCausalLM
    NemotronHForCausalLM Phi3ForCausalLM PhiMoEForCausalLM Qwen3ForCausalLM Qwen3MoeForCausalLM
    Qwen3VLForConditionalGeneration Qwen3VLMoeForConditionalGeneration Qwen3_5ForCausalLM
    Qwen3_5ForConditionalGeneration Qwen3_5MoeForCausalLM Qwen3_5MoeForConditionalGeneration SolarForCausalLM
    TeleChat2ForCausalLM TeleChat3ForCausalLM TeleFLMForCausalLM
"""
_EMBEDDING_ALONE = """
    ArceeForCausalLM Cohere2ForCausalLM CohereForCausalLM CwmForCausalLM GlmForCausalLM HunYuanDenseV1ForCausalLM
    Jais2ForCausalLM Olmo2ForCausalLM Olmo3ForCausalLM OlmoForCausalLM PhiForCausalLM SeedOssForCausalLM
    SmolLM3ForCausalLM Starcoder2ForCausalLM VaultGemmaForCausalLM
"""


def adapted_edges(architecture: str) -> tuple[bool, bool]:
    """(embedding, head). Models that run by transformers' code take adapters on the embedding alone."""
    if architecture in _BOTH.split():
        return True, True
    return architecture in _EMBEDDING_ALONE.split(), False
