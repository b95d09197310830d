"""vLLM's name of an architecture -> how its weights are read from config.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vllm_costmeter.core.errors import NotUnderstoodError, nearest
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.architectures import (
    deepseek_v4,
    dense,
    dense_styles,
    dense_variants,
    eagle,
    encoders,
    gemma,
    granite,
    hybrid,
    kimi_linear,
    llama4,
    longcat,
    mamba,
    mimo,
    mla,
    moe,
    moe_dense_first,
    moe_every_layer,
    older,
    rotary_encoders,
    short_convolution,
    vision,
    vision_internvl,
    vision_towers,
    whisper,
)
from vllm_costmeter.sources.model_config.architectures.source import Source

Builder = Callable[[Source], Weights]
Tower = Callable[[Source], tuple[Part, ...]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one architecture is built, and how its checkpoint's names turn into vLLM's (for quantisation rules)."""

    build: Builder
    tower: Tower | None = None
    renames: tuple[tuple[str, str], ...] = ()
    """(checkpoint prefix, vLLM prefix), the first that matches applies."""
    inputs: tuple[str, ...] = ("image",)
    """What the tower serves, under vLLM's names in `--limit-mm-per-prompt`."""
    tower_is_plain: bool = False
    """True where vLLM leaves the tower unquantised whatever the checkpoint's rules say."""
    is_pooling: bool = False
    is_encoder_decoder: bool = False


def _dense(style: dense.Style) -> Builder:
    return lambda source: dense.dense(source, style)


def _embedder(style: dense.Style) -> Architecture:
    return Architecture(encoders.embedder(_dense(style)), is_pooling=True)


def _classifier(style: dense.Style) -> Architecture:
    return Architecture(encoders.classifier(_dense(style)), is_pooling=True)


def _encoder(head: Tower = lambda source: ()) -> Architecture:
    return Architecture(lambda source: encoders.bert(source, head=head), is_pooling=True)


_LLAMA = Architecture(_dense(dense.LLAMA))
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
_MLA = Architecture(mla.deepseek)
_V4_NAMES = (("layers.", "model.layers."), ("head.", "lm_head."))

ARCHITECTURES: dict[str, Architecture] = {
    **{name: Architecture(_dense(style)) for name, style in dense_styles.STYLES.items()},
    "AfmoeForCausalLM": Architecture(moe_dense_first.afmoe),
    "BailingMoeForCausalLM": Architecture(moe_dense_first.bailing),
    "BailingMoeV2ForCausalLM": Architecture(moe_dense_first.bailing),
    "Cohere2MoeForCausalLM": Architecture(moe_every_layer.cohere2_moe),
    "DbrxForCausalLM": Architecture(moe_every_layer.dbrx),
    "DeepseekForCausalLM": Architecture(moe_dense_first.deepseek_v1),
    "Ernie4_5_MoeForCausalLM": Architecture(moe_dense_first.ernie_moe),
    "ExaoneMoEForCausalLM": Architecture(moe_dense_first.exaone_moe),
    "ExaoneMoeForCausalLM": Architecture(moe_dense_first.exaone_moe),
    "GraniteMoeSharedForCausalLM": Architecture(granite.granite_moe),
    "HYV3ForCausalLM": Architecture(moe_dense_first.hunyuan3),
    "MiMoV2ForCausalLM": Architecture(mimo.mimo_v2),
    "MistralLarge3ForCausalLM": _MLA,
    "Glm4MoeLiteForCausalLM": Architecture(lambda source: mla.deepseek(source, float32_router=True)),
    "OlmoeForCausalLM": Architecture(moe_every_layer.olmoe),
    "PhiMoEForCausalLM": Architecture(moe_every_layer.phi_moe),
    "Eagle3LlamaForCausalLM": Architecture(eagle.eagle3),
    "EagleLlamaForCausalLM": Architecture(eagle.eagle),
    "LlamaForCausalLMEagle3": Architecture(eagle.eagle3),
    "ChatGLMForConditionalGeneration": Architecture(older.chatglm),
    "ChatGLMModel": Architecture(older.chatglm),
    "FalconForCausalLM": Architecture(older.falcon),
    "FalconH1ForCausalLM": Architecture(mamba.falcon_h1),
    "FalconMambaForCausalLM": Architecture(mamba.mamba_1),
    "GPT2LMHeadModel": Architecture(older.gpt2),
    "GPTJForCausalLM": Architecture(older.gpt_j),
    "Glm4vForConditionalGeneration": Architecture(
        dense_variants.glm4, vision_internvl.glm4v, _QWEN_VL_NAMES, _BOTH
    ),
    "Glm4vMoeForConditionalGeneration": Architecture(
        moe_dense_first.glm4_moe, vision_internvl.glm4v, _QWEN_VL_NAMES, _BOTH
    ),
    "InternVLForConditionalGeneration": Architecture(
        _dense(dense.QWEN2), vision_internvl.intern_vit, _QWEN_VL_NAMES, _BOTH
    ),
    "JambaForCausalLM": Architecture(mamba.jamba),
    "KimiLinearForCausalLM": Architecture(kimi_linear.kimi_linear),
    "KimiVLForConditionalGeneration": Architecture(mla.deepseek, vision_internvl.kimi_vl),
    "Lfm2ForCausalLM": Architecture(short_convolution.lfm2),
    "Lfm2MoeForCausalLM": Architecture(short_convolution.lfm2_moe),
    "LongcatFlashForCausalLM": Architecture(longcat.longcat_flash),
    "Mamba2ForCausalLM": Architecture(mamba.mamba_2),
    "MambaForCausalLM": Architecture(mamba.mamba_1),
    "ModernBertForSequenceClassification": Architecture(
        rotary_encoders.modern_bert_classifier, is_pooling=True
    ),
    "ModernBertModel": Architecture(rotary_encoders.modern_bert, is_pooling=True),
    "NomicBertModel": Architecture(rotary_encoders.nomic_bert, is_pooling=True),
    "OPTForCausalLM": Architecture(older.opt),
    "HyperCLOVAXForCausalLM": Architecture(dense_styles.hyperclovax),
    "BertForSequenceClassification": _encoder(encoders.bert_pooler),
    "BertModel": _encoder(),
    "Cohere2ForCausalLM": Architecture(dense_variants.cohere),
    "CohereForCausalLM": Architecture(dense_variants.cohere),
    "DeciLMForCausalLM": Architecture(dense_variants.deci),
    "DeepseekV2ForCausalLM": _MLA,
    "DeepseekV32ForCausalLM": _MLA,
    "DeepseekV3ForCausalLM": _MLA,
    "DeepseekV4ForCausalLM": Architecture(deepseek_v4.deepseek_v4, renames=_V4_NAMES),
    "Gemma2ForCausalLM": Architecture(gemma.gemma),
    "Gemma3ForCausalLM": Architecture(gemma.gemma3),
    "Gemma3ForConditionalGeneration": Architecture(gemma.gemma3, vision.gemma3, _GEMMA_NAMES),
    "Gemma4ForCausalLM": Architecture(gemma.gemma4),
    "Gemma4ForConditionalGeneration": Architecture(gemma.gemma4, vision.gemma4, _GEMMA_NAMES, _BOTH),
    "GemmaForCausalLM": Architecture(gemma.gemma),
    "Glm4ForCausalLM": Architecture(dense_variants.glm4),
    "Glm4MoeForCausalLM": Architecture(moe_dense_first.glm4_moe),
    "GlmMoeDsaForCausalLM": _MLA,
    "GptOssForCausalLM": Architecture(moe.gpt_oss),
    "GraniteForCausalLM": _LLAMA,
    "GraniteMoeForCausalLM": Architecture(granite.granite_moe),
    "GraniteMoeHybridForCausalLM": Architecture(granite.granite_hybrid),
    "IQuestCoderForCausalLM": _LLAMA,
    "InternLM3ForCausalLM": _LLAMA,
    "KimiK25ForConditionalGeneration": Architecture(
        mla.deepseek, vision.moonvit, inputs=("vision_chunk",), tower_is_plain=True
    ),
    "LLaMAForCausalLM": _LLAMA,
    "Llama4ForCausalLM": Architecture(llama4.llama4),
    "Llama4ForConditionalGeneration": Architecture(llama4.llama4, vision.llama4),
    "LlamaForCausalLM": _LLAMA,
    "LlamaForSequenceClassification": _classifier(dense.LLAMA),
    "LlamaModel": _embedder(dense.LLAMA),
    "LlavaForConditionalGeneration": Architecture(_dense(dense.LLAMA), vision_towers.llava),
    "MiMoV2FlashForCausalLM": Architecture(mimo.mimo_v2),
    "MiniMaxM2ForCausalLM": Architecture(moe.minimax_m2),
    "Mistral3ForConditionalGeneration": Architecture(_dense(dense.LLAMA), vision_towers.mistral3),
    "MistralForCausalLM": _LLAMA,
    "MistralModel": _embedder(dense.LLAMA),
    "MixtralForCausalLM": Architecture(moe_every_layer.mixtral),
    "NemotronHForCausalLM": Architecture(hybrid.nemotron_h, renames=(("backbone.", "model."),)),
    "Phi3ForCausalLM": Architecture(_dense(dense.PHI3)),
    "Qwen2ForCausalLM": Architecture(_dense(dense.QWEN2)),
    "Qwen2ForSequenceClassification": _classifier(dense.QWEN2),
    "Qwen2Model": _embedder(dense.QWEN2),
    "Qwen2MoeForCausalLM": Architecture(lambda source: moe.qwen_moe(source, dense.QWEN2)),
    "Qwen2VLForConditionalGeneration": Architecture(
        _dense(dense.QWEN2), vision_towers.qwen2_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen2_5_VLForConditionalGeneration": Architecture(
        _dense(dense.QWEN2), vision_towers.qwen2_5_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3ForCausalLM": Architecture(_dense(dense.QWEN3)),
    "Qwen3ForSequenceClassification": _classifier(dense.QWEN3),
    "Qwen3MoeForCausalLM": Architecture(moe.qwen_moe),
    "Qwen3NextForCausalLM": Architecture(lambda source: hybrid.qwen_hybrid(source, interleaved=True)),
    "Qwen3VLForConditionalGeneration": Architecture(
        _dense(dense.QWEN3_VL), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3VLMoeForConditionalGeneration": Architecture(
        lambda source: moe.qwen_moe(source, dense.QWEN3_VL), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3_5ForCausalLM": Architecture(lambda source: hybrid.qwen_hybrid(source, interleaved=False)),
    "Qwen3_5ForConditionalGeneration": Architecture(
        lambda source: hybrid.qwen_hybrid(source, interleaved=False), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3_5MoeForCausalLM": Architecture(lambda source: hybrid.qwen_hybrid(source, interleaved=False)),
    "Qwen3_5MoeForConditionalGeneration": Architecture(
        lambda source: hybrid.qwen_hybrid(source, interleaved=False), vision.qwen3_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "RobertaForSequenceClassification": _encoder(encoders.roberta_head),
    "RobertaModel": _encoder(),
    "WhisperForConditionalGeneration": Architecture(whisper.whisper, is_encoder_decoder=True),
    "XLMRobertaForSequenceClassification": _encoder(encoders.roberta_head),
    "XLMRobertaModel": _encoder(),
}


def architecture_named(name: str) -> Architecture:
    """NotUnderstoodError for an architecture whose weights we have no rules for."""
    found = ARCHITECTURES.get(name)
    if found is None:
        raise NotUnderstoodError(
            f"architecture {name}: its weights are not known{nearest(name, ARCHITECTURES)}"
        )
    return found


def build_weights(source: Source, architecture: Architecture) -> Weights:
    """The unquantised weights of a whole checkpoint, vision tower included."""
    if architecture.tower is None:
        return architecture.build(source)
    weights = architecture.build(replace(source, prefix="language_model."))
    return replace(
        weights,
        towers=architecture.tower(source),
        tower_inputs=architecture.inputs,
        plain_towers=architecture.tower_is_plain,
    )
