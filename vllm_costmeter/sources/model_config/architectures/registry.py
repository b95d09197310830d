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
    drafts,
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
from vllm_costmeter.sources.model_config.architectures.conversion import converted_from
from vllm_costmeter.sources.model_config.architectures.encoders import Builder
from vllm_costmeter.sources.model_config.architectures.source import Source

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
    "Eagle3LlamaForCausalLM": Architecture(drafts.eagle3),
    "EagleLlamaForCausalLM": Architecture(drafts.eagle),
    "LlamaForCausalLMEagle3": Architecture(drafts.eagle3),
    "ChatGLMForConditionalGeneration": Architecture(older.chatglm),
    "ChatGLMModel": Architecture(older.chatglm),
    "FalconForCausalLM": Architecture(older.falcon),
    "FalconH1ForCausalLM": Architecture(mamba.falcon_h1),
    "FalconMambaForCausalLM": Architecture(mamba.mamba_1),
    "GPT2LMHeadModel": Architecture(older.gpt2),
    "GPT2ForSequenceClassification": Architecture(encoders.classifier(older.gpt2), is_pooling=True),
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
    "JambaForSequenceClassification": Architecture(encoders.scored(mamba.jamba), is_pooling=True),
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
    "ModernBertForTokenClassification": Architecture(rotary_encoders.modern_bert_tagger, is_pooling=True),
    "ModernBertModel": Architecture(rotary_encoders.modern_bert, is_pooling=True),
    "NomicBertModel": Architecture(rotary_encoders.nomic_bert, is_pooling=True),
    "OPTForCausalLM": Architecture(older.opt),
    "HyperCLOVAXForCausalLM": Architecture(dense_styles.hyperclovax),
    "BertForMaskedLM": _encoder(encoders.masked_lm_head),
    "BertForSequenceClassification": _encoder(encoders.bert_pooler),
    "BertForTokenClassification": _encoder(encoders.label_scores),
    "BertModel": _encoder(),
    "BertSpladeSparseEmbeddingModel": _encoder(encoders.masked_lm_head),
    "BgeM3EmbeddingModel": _encoder(encoders.bge_m3_heads),
    "Cohere2ForCausalLM": Architecture(dense_variants.cohere),
    "CohereForCausalLM": Architecture(dense_variants.cohere),
    "DeciLMForCausalLM": Architecture(dense_variants.deci),
    "DeepseekV2ForCausalLM": _MLA,
    "DeepseekV32ForCausalLM": _MLA,
    "DeepseekV3ForCausalLM": _MLA,
    "DeepseekV4ForCausalLM": Architecture(deepseek_v4.deepseek_v4, renames=_V4_NAMES),
    "Gemma2ForCausalLM": Architecture(gemma.gemma),
    "Gemma2Model": Architecture(gemma.gemma),
    "Gemma3ForCausalLM": Architecture(gemma.gemma3),
    "Gemma3TextModel": Architecture(encoders.embedder(gemma.gemma3), is_pooling=True),
    "Gemma3ForConditionalGeneration": Architecture(gemma.gemma3, vision.gemma3, _GEMMA_NAMES),
    "Gemma4ForCausalLM": Architecture(gemma.gemma4),
    "Gemma4ForConditionalGeneration": Architecture(gemma.gemma4, vision.gemma4, _GEMMA_NAMES, _BOTH),
    "GemmaForCausalLM": Architecture(gemma.gemma),
    "Glm4ForCausalLM": Architecture(dense_variants.glm4),
    "Glm4MoeForCausalLM": Architecture(moe_dense_first.glm4_moe),
    "GlmMoeDsaForCausalLM": _MLA,
    "GteModel": Architecture(rotary_encoders.gte, is_pooling=True),
    "GptOssForCausalLM": Architecture(moe.gpt_oss),
    "GraniteForCausalLM": _LLAMA,
    "GraniteMoeForCausalLM": Architecture(granite.granite_moe),
    "GraniteMoeHybridForCausalLM": Architecture(granite.granite_hybrid),
    "IQuestCoderForCausalLM": _LLAMA,
    "InternLM2ForRewardModel": Architecture(
        encoders.valued(_dense(dense_styles.STYLES["InternLM2ForCausalLM"])), is_pooling=True
    ),
    "InternLM3ForCausalLM": _LLAMA,
    "KimiK25ForConditionalGeneration": Architecture(
        mla.deepseek, vision.moonvit, inputs=("vision_chunk",), tower_is_plain=True
    ),
    "LLaMAForCausalLM": _LLAMA,
    "Llama4ForCausalLM": Architecture(llama4.llama4),
    "Llama4ForConditionalGeneration": Architecture(llama4.llama4, vision.llama4),
    "LlamaForCausalLM": _LLAMA,
    "LlamaModel": _LLAMA,
    "LlavaForConditionalGeneration": Architecture(_dense(dense.LLAMA), vision_towers.llava),
    "MiMoV2FlashForCausalLM": Architecture(mimo.mimo_v2),
    "Ministral3ForCausalLM": _LLAMA,
    "MiniMaxM2ForCausalLM": Architecture(moe.minimax_m2),
    "Mistral3ForConditionalGeneration": Architecture(_dense(dense.LLAMA), vision_towers.mistral3),
    "MistralForCausalLM": _LLAMA,
    "MistralModel": _LLAMA,
    "MixtralForCausalLM": Architecture(moe_every_layer.mixtral),
    "NemotronHForCausalLM": Architecture(hybrid.nemotron_h, renames=(("backbone.", "model."),)),
    "Phi3ForCausalLM": Architecture(_dense(dense.PHI3)),
    "Qwen2ForCausalLM": Architecture(_dense(dense.QWEN2)),
    "Qwen2ForRewardModel": Architecture(encoders.rewarder(_dense(dense.QWEN2), labels=1), is_pooling=True),
    "Qwen2ForProcessRewardModel": Architecture(
        encoders.rewarder(_dense(dense.QWEN2), labels=2), is_pooling=True
    ),
    "Qwen2Model": Architecture(_dense(dense.QWEN2)),
    "Qwen2MoeForCausalLM": Architecture(lambda source: moe.qwen_moe(source, dense.QWEN2)),
    "Qwen2VLForConditionalGeneration": Architecture(
        _dense(dense.QWEN2), vision_towers.qwen2_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen2_5_VLForConditionalGeneration": Architecture(
        _dense(dense.QWEN2), vision_towers.qwen2_5_vl, _QWEN_VL_NAMES, _BOTH
    ),
    "Qwen3ForCausalLM": Architecture(_dense(dense.QWEN3)),
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
    "RobertaForMaskedLM": _encoder(),
    "RobertaForSequenceClassification": _encoder(encoders.roberta_head),
    "RobertaForTokenClassification": _encoder(encoders.label_scores),
    "RobertaModel": _encoder(),
    "WhisperForConditionalGeneration": Architecture(whisper.whisper, is_encoder_decoder=True),
    "XLMRobertaForSequenceClassification": _encoder(encoders.roberta_head),
    "XLMRobertaForTokenClassification": _encoder(encoders.label_scores),
    "XLMRobertaModel": _encoder(),
}


def served_by(name: str) -> tuple[str, Architecture]:
    """(the name of the table under which vLLM serves `name`, how it is built): a name of the table by itself, another
    by the model that its suffix points to, converted for pooling.

    NotUnderstoodError for an architecture whose weights we have no rules for.
    """
    if name in ARCHITECTURES:
        return name, ARCHITECTURES[name]
    found = converted_from(name, ARCHITECTURES)
    if found is None:
        raise NotUnderstoodError(
            f"architecture {name[:60]!r}: its weights are not known{nearest(name, ARCHITECTURES)}"
        )
    base, conversion = found
    served = ARCHITECTURES[base]
    if conversion is None or served.is_pooling:
        return base, served
    return base, replace(served, build=conversion(served.build), is_pooling=True)


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
