"""Whether vLLM's model takes LoRA adapters on its input embedding and output head (`embedding_modules`, vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.sources.model_config.architectures.dense_styles import STYLES

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
_EMBEDDING_ALONE = "CohereForCausalLM Cohere2ForCausalLM"
_NAMED = (
    "embed_tokens"  # what vLLM's wrapper of transformers' models lists, whatever they call their embedding
)


def adapted_edges(architecture: str) -> tuple[bool, bool]:
    """(embedding, head). Models that run by transformers' code take adapters on the embedding alone."""
    if architecture in _BOTH.split():
        return True, True
    if architecture in _EMBEDDING_ALONE.split():
        return True, False
    style = STYLES.get(architecture)
    wrapped = style is not None and style.inverse_frequencies > 0 and style.names.embedding.endswith(_NAMED)
    return wrapped, False
