"""vLLM's name of an architecture -> the family that describes it: its parameters, its caches, its prediction layers.

One row per family: where it stands in this folder, and the names that vLLM's registry serves by it (read in 0.32, some
older names in 0.23). A family's module is imported when one of its names is asked for.
"""

from __future__ import annotations

from importlib import import_module

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError, nearest
from vllm_costmeter.sources.model_config.families.family import Family

_TEXT = {
    "dense.llama:llama": """
        GraniteForCausalLM IQuestCoderForCausalLM InternLM3ForCausalLM LLaMAForCausalLM LlamaForCausalLM LlamaModel
        Ministral3ForCausalLM MistralForCausalLM MistralModel TeleChat3ForCausalLM
    """,
    "dense.llama:qwen2": "Qwen2ForCausalLM Qwen2Model",
    "dense.llama:qwen3": "Qwen3ForCausalLM",
    "dense.llama:phi3": "Phi3ForCausalLM",
    "dense.styles:FULL": "PanguEmbeddedForCausalLM SolarForCausalLM TeleFLMForCausalLM",
    "dense.styles:APERTUS": "ApertusForCausalLM",
    "dense.styles:ARCEE": "ArceeForCausalLM",
    "dense.styles:CWM": "CwmForCausalLM",
    "dense.styles:ERNIE4_5": "Ernie4_5ForCausalLM",
    "dense.styles:EXAONE": "ExaoneForCausalLM",
    "dense.styles:EXAONE4": "Exaone4ForCausalLM",
    "dense.styles:GPT_NEOX": "GPTNeoXForCausalLM",
    "dense.styles:GLM": "GlmForCausalLM",
    "dense.styles:HUNYUAN_DENSE": "HunYuanDenseV1ForCausalLM",
    "dense.styles:INTERNLM2": "InternLM2ForCausalLM",
    "dense.styles:JAIS2": "Jais2ForCausalLM",
    "dense.styles:MINICPM": "MiniCPMForCausalLM",
    "dense.styles:NEMOTRON": "NemotronForCausalLM",
    "dense.styles:OLMO": "OlmoForCausalLM",
    "dense.styles:OLMO2": "Olmo2ForCausalLM",
    "dense.styles:OLMO3": "Olmo3ForCausalLM",
    "dense.styles:ORION": "OrionForCausalLM",
    "dense.styles:PHI": "PhiForCausalLM",
    "dense.styles:SEED_OSS": "SeedOssForCausalLM",
    "dense.styles:SMOLLM3": "SmolLM3ForCausalLM",
    "dense.styles:STABLELM": "StableLmForCausalLM",
    "dense.styles:STARCODER2": "Starcoder2ForCausalLM",
    "dense.styles:TELECHAT2": "TeleChat2ForCausalLM",
    "dense.styles:VAULT_GEMMA": "VaultGemmaForCausalLM",
    "dense.styles:MIMO": "MiMoForCausalLM",
    "dense.styles:hyperclovax": "HyperCLOVAXForCausalLM",
    "dense.bigscience:bloom": "BloomForCausalLM",
    "dense.bigscience:gpt_bigcode": "GPTBigCodeForCausalLM",
    "dense.cohere:cohere": "Cohere2ForCausalLM CohereForCausalLM",
    "dense.domyn_edge:DOMYN_EDGE": "DomynEdgeForCausalLM",
    "dense.dory:DORY": "DoryForCausalLM",
    "dense.falcon:falcon": "FalconForCausalLM",
    "dense.gemma3n:GEMMA3N": "Gemma3nForCausalLM",
    "dense.gemma4:gemma4": "Gemma4ForCausalLM",
    "dense.gemma:gemma": "GemmaForCausalLM",
    "dense.gemma:gemma2": "Gemma2ForCausalLM Gemma2Model",
    "dense.gemma:gemma3": "Gemma3ForCausalLM",
    "dense.glm:chatglm": "ChatGLMForConditionalGeneration ChatGLMModel",
    "dense.glm:glm4": "Glm4ForCausalLM",
    "dense.gpt:gpt2": "GPT2LMHeadModel",
    "dense.gpt:gpt_j": "GPTJForCausalLM",
    "dense.gpt:opt": "OPTForCausalLM",
    "dense.hrm_text:HRM_TEXT": "HrmTextForCausalLM",
    "dense.iquest_loop:IQUEST_LOOP": "IQuestLoopCoderForCausalLM",
    "dense.muse_glimmer:muse_glimmer": "MuseGlimmerForCausalLM",
    "dense.nemotron_nas:deci": "DeciLMForCausalLM",
    "dense.plamo3:plamo3": "Plamo3ForCausalLM",
    "dense.rnj:rnj1": "Rnj1ForCausalLM",
    "dense.step1:step1": "Step1ForCausalLM",
    "encoders.decoders:DEEPSEEK_BIDIRECTIONAL": "DeepseekV3BidirectionalModel",
    "hybrid.alice_ai:ALICE_AI": "AliceAIForCausalLM",
    "hybrid.bailing_linear:BAILING_HYBRID": "BailingMoeV2_5ForCausalLM",
    "hybrid.bailing_v3:BAILING_V3": "BailingMoeV3ForCausalLM",
    "hybrid.falcon_h1:falcon_h1": "FalconH1ForCausalLM",
    "hybrid.glm5_next:GLM5_NEXT": "Glm5NextForCausalLM",
    "hybrid.granite4:granite_hybrid": "GraniteMoeHybridForCausalLM",
    "hybrid.inkling:INKLING": "InklingForCausalLM",
    "hybrid.jamba:jamba": "JambaForCausalLM",
    "hybrid.kimi_linear:KIMI_LINEAR": "KimiLinearForCausalLM",
    "hybrid.lfm2:lfm2": "Lfm2ForCausalLM",
    "hybrid.lfm2:lfm2_moe": "Lfm2MoeForCausalLM",
    "hybrid.mamba:MAMBA_2": "Mamba2ForCausalLM",
    "hybrid.mamba:mamba_1": "FalconMambaForCausalLM MambaForCausalLM",
    "hybrid.minimax_text:MINIMAX_TEXT": "MiniMaxForCausalLM MiniMaxM1ForCausalLM MiniMaxText01ForCausalLM",
    "hybrid.nemotron_h:NEMOTRON_H": "NemotronHForCausalLM",
    "hybrid.nemotron_h:NEMOTRON_H_PUZZLE": "NemotronHPuzzleForCausalLM",
    "hybrid.olmo_hybrid:olmo_hybrid": "OlmoHybridForCausalLM",
    "hybrid.qwen4_exp:QWEN4_EXP": "Qwen4ExpForCausalLM",
    "hybrid.qwen_next:QWEN3_5": "Qwen3_5ForCausalLM Qwen3_5MoeForCausalLM",
    "hybrid.qwen_next:QWEN3_NEXT": "Qwen3NextForCausalLM",
    "hybrid.zamba2:ZAMBA2": "Zamba2ForCausalLM",
    "mla.axk1:axk1": "AXK1ForCausalLM",
    "mla.deepseek:DEEPSEEK": "DeepseekV32ForCausalLM DeepseekV3ForCausalLM",
    "mla.deepseek:DEEPSEEK_V2": "DeepseekV2ForCausalLM MistralLarge3ForCausalLM",
    "mla.deepseek:GLM4_LITE": "Glm4MoeLiteForCausalLM",
    "mla.deepseek:GLM_5": "GlmMoeDsaForCausalLM",
    "mla.deepseek_v4:DEEPSEEK_V4": "DeepseekV4ForCausalLM",
    "mla.hy_v4:HY_V4": "HYV4ForCausalLM",
    "mla.longcat:LONGCAT_FLASH": "LongcatFlashForCausalLM",
    "mla.longcat:LONGCAT_NGRAM": "LongcatFlashNgramForCausalLM",
    "mla.minicpm3:minicpm3": "MiniCPM3ForCausalLM",
    "mla.pangu:PANGU_MOE": "PanguProMoEV2ForCausalLM PanguUltraMoEForCausalLM",
    "mla.sarvam:sarvam_mla": "SarvamMLAForCausalLM",
    "moe.afmoe:afmoe": "AfmoeForCausalLM",
    "moe.beam:beam": "BeamForCausalLM",
    "moe.ernie:ERNIE_MOE": "Ernie4_5_MoeForCausalLM",
    "moe.exaone:EXAONE_MOE": "ExaoneMoEForCausalLM ExaoneMoeForCausalLM",
    "moe.flint:flint": "FlintForCausalLM",
    "moe.gpt_oss:gpt_oss": "GptOssForCausalLM",
    "moe.granite:granite_moe": "GraniteMoeForCausalLM GraniteMoeSharedForCausalLM",
    "moe.granite:granite_moe_swa": "GraniteMoeSWAForCausalLM",
    "moe.granite:granite_swa": "GraniteSWAForCausalLM",
    "moe.hunyuan:HUNYUAN3": "HYV3ForCausalLM",
    "moe.hunyuan:hunyuan_moe": "HunYuanMoEV1ForCausalLM",
    "moe.k2_horizon:k2_horizon": "K2HorizonForCausalLM",
    "moe.laguna:laguna": "LagunaForCausalLM",
    "moe.llama4:llama4": "Llama4ForCausalLM",
    "moe.mimo_v2:MIMO_V2": "MiMoV2FlashForCausalLM MiMoV2ForCausalLM",
    "moe.minimax_m2:minimax_m2": "MiniMaxM2ForCausalLM",
    "moe.minimax_m3:MINIMAX_M3": "MiniMaxM3SparseForCausalLM",
    "moe.mixtral:cohere2_moe": "Cohere2MoeForCausalLM",
    "moe.mixtral:dbrx": "DbrxForCausalLM",
    "moe.mixtral:mixtral": "MixtralForCausalLM",
    "moe.mixtral:olmoe": "OlmoeForCausalLM",
    "moe.mixtral:phi_moe": "PhiMoEForCausalLM",
    "moe.param2:param2_moe": "Param2MoEForCausalLM",
    "moe.qwen:qwen2_moe": "Qwen2MoeForCausalLM",
    "moe.qwen:qwen_moe": "Qwen3MoeForCausalLM",
    "moe.routed:GLM4_MOE": "Glm4MoeForCausalLM",
    "moe.routed:bailing": "BailingMoeForCausalLM BailingMoeV2ForCausalLM SarvamMoEForCausalLM",
    "moe.routed:deepseek_v1": "DeepseekForCausalLM",
    "moe.step:STEP3P5": "Step3p5ForCausalLM",
    "moe.step5:STEP5": "Step5ForCausalLM",
    "moe.step:step3_text": "Step3TextForCausalLM",
    "moe.transformers_only:flex_olmo": "FlexOlmoForCausalLM",
    "moe.transformers_only:kolibri1": "Kolibri1ForCausalLM",
    "moe.transformers_only:mellum": "MellumForCausalLM",
}
_MULTIMODAL = {
    "multimodal.speech:VOXTRAL_REALTIME": "VoxtralRealtimeGeneration",
    "multimodal.speech:VOXTRAL": "VoxtralForConditionalGeneration",
    "multimodal.speech:MOSS_TRANSCRIBE": "MossTranscribeDiarizeForConditionalGeneration",
    "multimodal.speech:MOSS_AUDIO": "MossAudioModel",
    "multimodal.speech:KIMI_AUDIO": "MoonshotKimiaForCausalLM",
    "multimodal.speech:FUN_AUDIO_CHAT": "FunAudioChatForConditionalGeneration",
    "multimodal.speech:FUN_ASR": "FunASRForConditionalGeneration",
    "multimodal.speech:FIRE_RED_ASR": "FireRedASR2ForConditionalGeneration",
    "multimodal.openvla:OPENVLA": "OpenVLAForActionPrediction",
    "multimodal.moondream:MOONDREAM3": "HfMoondream Moondream3ForCausalLM",
    "multimodal.molmo:MOLMO2": "Molmo2ForConditionalGeneration",
    "multimodal.molmo:MOLMO": "MolmoForCausalLM",
    "multimodal.mergers:OPENPANGU_VL": "OpenPanguVLForConditionalGeneration",
    "multimodal.mergers:LLAVA_ONEVISION2": "LlavaOnevision2ForConditionalGeneration",
    "multimodal.gemma:GEMMA3N": "Gemma3nForConditionalGeneration",
    "encoders.nemotron_parse:NEMOTRON_PARSE3_5": "RadioMBartPrefixForCausalLM",
    "encoders.nemotron_parse:NEMOTRON_PARSE": "NemotronParseForConditionalGeneration",
    "encoders.cohere_asr:COHERE_ASR": "CohereAsrForConditionalGeneration",
    "encoders.whisper:WHISPER": "WhisperForConditionalGeneration",
    "multimodal.aria:ARIA": "AriaForConditionalGeneration",
    "multimodal.bailing:BAILING_V3_VL": "BailingMoeV3VLForConditionalGeneration",
    "multimodal.cohere:COHERE_COMPASS": "CohereCompassForConditionalGeneration",
    "multimodal.cosmos:COSMOS3": "Cosmos3ForConditionalGeneration",
    "multimodal.cosmos:COSMOS3_EDGE": "Cosmos3EdgeForConditionalGeneration",
    "multimodal.deepseek:DEEPSEEK_OCR": "DeepseekOCRForCausalLM UnlimitedOCRForCausalLM",
    "multimodal.deepseek:DEEPSEEK_OCR_2": "DeepseekOCR2ForCausalLM",
    "mla.deepseek_v41:DEEPSEEK_V41": "DeepseekV41ForCausalLM",
    "multimodal.deepseek:DEEPSEEK_V4_VL": "DeepseekV4ForConditionalGeneration",
    "multimodal.deepseek:DEEPSEEK_VL2": "DeepseekVLV2ForCausalLM",
    "multimodal.exaone:EXAONE4_5": "Exaone4_5_ForConditionalGeneration",
    "multimodal.ernie:ERNIE4_5_VL": "Ernie4_5_VLMoeForConditionalGeneration",
    "multimodal.gemma:GEMMA3": "Gemma3ForConditionalGeneration",
    "multimodal.gemma:GEMMA4": "Gemma4ForConditionalGeneration",
    "multimodal.gemma:GEMMA4_UNIFIED": "Gemma4UnifiedForConditionalGeneration",
    "multimodal.glm5_next:GLM5_NEXT": "Glm5NextForConditionalGeneration",
    "multimodal.glm:GLM4V": "Glm4vForConditionalGeneration",
    "multimodal.glm:GLM4V_MOE": "Glm4vMoeForConditionalGeneration",
    "multimodal.glm:GLM_4V": "GLM4VForCausalLM",
    "multimodal.glm:GLM_OCR": "GlmOcrForConditionalGeneration",
    "multimodal.inkling:INKLING": "InklingForConditionalGeneration",
    "multimodal.hyperclovax:HCX_VISION_V2": "HCXVisionV2ForCausalLM",
    "multimodal.hunyuan:HUNYUAN_VL": "HunYuanVLForConditionalGeneration",
    "multimodal.internvl:H2OVL": "H2OVLChatModel",
    "multimodal.internvl:INTERNS1_PRO": "InternS1ProForConditionalGeneration",
    "multimodal.internvl:INTERNS2_MOBIUS": "InternS2MobiusForConditionalGeneration",
    "multimodal.internvl:INTERNVL": "InternS1ForConditionalGeneration InternVLForConditionalGeneration",
    "multimodal.internvl:INTERNVL_CHAT": "InternVLChatModel",
    "multimodal.internvl:NVLM": "NVLM_D",
    "multimodal.internvl:QIANFAN_OCR": "QianfanOCRForConditionalGeneration",
    "multimodal.internvl:SKYWORK": "SkyworkR1VChatModel",
    "multimodal.kanana:KANANA_V": "KananaVForConditionalGeneration",
    "multimodal.kimi:KIMI_K25": "KimiK25ForConditionalGeneration",
    "multimodal.kimi:KIMI_K3": "KimiK3ForConditionalGeneration",
    "multimodal.kimi:KIMI_VL": "KimiVLForConditionalGeneration",
    "multimodal.llama4:LLAMA4": "Llama4ForConditionalGeneration",
    "multimodal.llava:LIGHT_ON_OCR": "LightOnOCRForConditionalGeneration",
    "multimodal.llava:LLAVA": "LlavaForConditionalGeneration",
    "multimodal.llava:LLAVA_NEXT": "LlavaNextForConditionalGeneration",
    "multimodal.llava:LLAVA_NEXT_VIDEO": "LlavaNextVideoForConditionalGeneration",
    "multimodal.llava:LLAVA_ONEVISION": "LlavaOnevisionForConditionalGeneration",
    "multimodal.llava:MISTRAL3": "Mistral3ForConditionalGeneration",
    "multimodal.mimo:MIMO_V2_OMNI": "MiMoV2OmniForCausalLM",
    "multimodal.minicpm:MINICPM_O": "MiniCPMO",
    "multimodal.minicpm:MINICPM_V": "MiniCPMV",
    "multimodal.minicpm:MINICPM_V4_6": "MiniCPMOcrForConditionalGeneration MiniCPMV4_6ForConditionalGeneration",
    "multimodal.minicpm:MINICPM_V4_7": "MiniCPMV4_7ForConditionalGeneration",
    "multimodal.nemotron:LLAMA_NEMOTRON_NANO_VL": "Llama_Nemotron_Nano_VL",
    "multimodal.minimax:MINIMAX_M3": "MiniMaxM3SparseForConditionalGeneration",
    "multimodal.muse:MUSE_GLIMMER": "MuseGlimmerForConditionalGeneration",
    "multimodal.nemotron:NEMOTRON_OMNI": "NemotronH_Nano_Omni_Reasoning_V3",
    "multimodal.nemotron:NEMOTRON_OMNI_MTP": "NemotronH_Omni_Reasoning_V3 NemotronH_Super_Omni_Reasoning_V3",
    "multimodal.nemotron:NEMOTRON_VL": "NemotronH_Nano_VL_V2",
    "multimodal.ovis:OVIS": "Ovis",
    "multimodal.ovis:OVIS2_5": "Ovis2_5 Ovis2_6ForCausalLM Ovis2_6_MoeForCausalLM",
    "multimodal.phi:PHI3_VISION": "Phi3VForCausalLM",
    "multimodal.phi:PHI4_MULTIMODAL": "Phi4MMForCausalLM",
    "multimodal.phi:PHI4_SIGLIP2": "Phi4ForCausalLMV",
    "multimodal.muse:MUSE_SPARK": "MuseSparkForConditionalGeneration",
    "multimodal.pixtral:PIXTRAL": "PixtralForConditionalGeneration",
    "multimodal.ocr:DOTS_OCR": "DotsOCRForCausalLM",
    "multimodal.ocr:KEYE": "KeyeForConditionalGeneration",
    "multimodal.ocr:KEYE_VL1_5": "KeyeVL1_5ForConditionalGeneration",
    "multimodal.ocr:PADDLEOCR_VL": "PaddleOCRVLForConditionalGeneration",
    "multimodal.qwen:ALPAMAYO2": "Alpamayo2Super",
    "multimodal.qwen:OPENCUA": "OpenCUAForConditionalGeneration",
    "multimodal.qwen:QWEN2_5_OMNI": "Qwen2_5OmniForConditionalGeneration Qwen2_5OmniModel",
    "multimodal.qwen:QWEN2_5_VL": "Qwen2_5_VLForConditionalGeneration",
    "multimodal.qwen:QWEN2_AUDIO": "Qwen2AudioForConditionalGeneration",
    "multimodal.qwen:QWEN2_VL": "Qwen2VLForConditionalGeneration",
    "multimodal.qwen:QWEN3_5": """
        InternS2PreviewForConditionalGeneration Qwen3_5ForConditionalGeneration Qwen3_5MoeForConditionalGeneration
    """,
    "multimodal.qwen:QWEN4_EXP": "Qwen4ExpForConditionalGeneration",
    "multimodal.qwen:QWEN3_ASR": "Qwen3ASRForConditionalGeneration Qwen3ASRRealtimeGeneration",
    "multimodal.qwen:QWEN3_OMNI": "Qwen3OmniMoeForConditionalGeneration",
    "multimodal.qwen:QWEN3_VL": "Qwen3VLForConditionalGeneration",
    "multimodal.qwen:QWEN3_VL_MOE": "Qwen3VLMoeForConditionalGeneration",
    "multimodal.qformer:BLIP2": "Blip2ForConditionalGeneration",
    "multimodal.qformer:GRANITE4_VISION": "Granite4VisionForConditionalGeneration",
    "multimodal.siglip:COHERE2_VISION": "Cohere2VisionForConditionalGeneration",
    "multimodal.siglip:IDEFICS3": "Idefics3ForConditionalGeneration SmolVLMForConditionalGeneration",
    "multimodal.siglip:LFM2_VL": "Lfm2VlForConditionalGeneration",
    "multimodal.siglip:PALIGEMMA": "PaliGemmaForConditionalGeneration",
    "multimodal.siglip_mlp:BAGEL": "BagelForConditionalGeneration",
    "multimodal.siglip_mlp:BEE": "BeeForConditionalGeneration",
    "multimodal.siglip_mlp:EAGLE2_5_VL": "Eagle2_5_VLForConditionalGeneration",
    "multimodal.siglip_mlp:ISAAC": "IsaacForConditionalGeneration",
    "multimodal.siglip_mlp:R_VL": "RForConditionalGeneration",
    "multimodal.speech:AUDIO_FLAMINGO": "AudioFlamingo3ForConditionalGeneration",
    "multimodal.speech:GLM_ASR": "GlmAsrForConditionalGeneration",
    "multimodal.speech:GRANITE_SPEECH": """
        GraniteSpeechForConditionalGeneration GraniteSpeechPlusForConditionalGeneration
    """,
    "multimodal.speech:MIDASHENGLM": "MiDashengLMModel",
    "multimodal.speech:ULTRAVOX": "UltravoxModel",
    "multimodal.step:STEP3_VL": "Step3VLForConditionalGeneration",
    "multimodal.step:STEP5_VL": "Step5ForConditionalGeneration",
    "multimodal.step:STEP_VL": "Step3p7ForConditionalGeneration StepVLForConditionalGeneration",
}
_POOLING = {
    "encoders.decision:DECISION3": "D3ForSequenceClassification",
    "encoders.joint_schema:CLEF_OMNI": "ClefOmniForJointSchema",
    "encoders.joint_schema:CLEF_FLASH": "ClefFlashForJointSchema",
    "encoders.decoders:LFM2_BIDIRECTIONAL": "Lfm2BidirectionalModel",
    "encoders.bert:BERT": "BertModel",
    "encoders.bert:BERT_CLASSIFIER": "BertForSequenceClassification",
    "encoders.bert:BERT_TAGGER": """
        BertForTokenClassification RobertaForTokenClassification XLMRobertaForTokenClassification
    """,
    "encoders.bert:BGE_M3": "BgeM3EmbeddingModel",
    "encoders.bert:MASKED_BERT": "BertForMaskedLM BertSpladeSparseEmbeddingModel",
    "encoders.bert:ROBERTA_CLASSIFIER": "RobertaForSequenceClassification XLMRobertaForSequenceClassification",
    "encoders.decoders:GEMMA3_EMBEDDER": "Gemma3TextModel",
    "encoders.decoders:GPT2_CLASSIFIER": "GPT2ForSequenceClassification",
    "encoders.decoders:INTERNLM2_REWARD": "InternLM2ForRewardModel",
    "encoders.decoders:JINA_EMBEDDINGS_V5": "JinaEmbeddingsV5Model",
    "encoders.decoders:JINA_RANKING": "JinaForRanking",
    "encoders.decoders:LLAMA_BIDIRECTIONAL": "LlamaBidirectionalModel",
    "encoders.decoders:LLAMA_BIDIRECTIONAL_CLASSIFIER": "LlamaBidirectionalForSequenceClassification",
    "encoders.decoders:VOYAGE_QWEN3": "VoyageQwen3BidirectionalEmbedModel",
    "encoders.embedding_gemma:EMBEDDING_GEMMA2": "EmbeddingGemma2Model",
    "encoders.late_interaction:COLBERT": "HF_ColBERT",
    "encoders.late_interaction:COLBERT_JINA": "ColBERTJinaRobertaModel",
    "encoders.late_interaction:COLBERT_LFM2": "ColBERTLfm2Model",
    "encoders.late_interaction:COLBERT_MODERN_BERT": "ColBERTModernBertModel",
    "encoders.late_interaction:COLPALI": "ColPaliForRetrieval",
    "encoders.late_interaction:COLQWEN3": "ColQwen3 OpsColQwen3Model Qwen3VLNemotronEmbedModel",
    "encoders.late_interaction:COLQWEN3_5": "ColQwen3_5",
    "encoders.decoders:JAMBA_CLASSIFIER": "JambaForSequenceClassification",
    "encoders.decoders:QWEN2_PROCESS_REWARD": "Qwen2ForProcessRewardModel",
    "encoders.decoders:QWEN2_REWARD": "Qwen2ForRewardModel",
    "encoders.modern_bert:MODERN_BERT": "ModernBertModel",
    "encoders.modern_bert:MODERN_BERT_CLASSIFIER": "ModernBertForSequenceClassification",
    "encoders.modern_bert:MODERN_BERT_TAGGER": "ModernBertForTokenClassification",
    "encoders.dual:CLIP": "CLIPModel",
    "encoders.dual:SIGLIP": "SiglipModel",
    "encoders.vision_bert:MODERN_VBERT": "ColModernVBertForRetrieval ModernVBertModel",
    "encoders.vision_bert:ULTRA_VBERT": "ColUltraVBertForRetrieval",
    "multimodal.qwen:JINA_VL": "JinaVLForRanking",
    "multimodal.siglip_mlp:LLAMA_NEMOTRON_VL_EMBEDDER": "LlamaNemotronVLModel",
    "multimodal.siglip_mlp:LLAMA_NEMOTRON_VL_RERANKER": "LlamaNemotronVLForSequenceClassification",
    "encoders.rotary_bert:GTE": "GteModel GteNewModel",
    "encoders.rotary_bert:GTE_RERANKER": "GteNewForSequenceClassification",
    "encoders.rotary_bert:NOMIC_BERT": "NomicBertModel",
    "encoders.rotary_bert:ROBERTA": "RobertaForMaskedLM RobertaModel XLMRobertaModel",
    "moe.gpt_oss:PRIVACY_FILTER": "OpenAIPrivacyFilterForTokenClassification",
    "multimodal.qwen:QWEN3_ASR_ALIGNER": "Qwen3ASRForcedAlignerForTokenClassification",
}
ARCHITECTURES: dict[str, str] = {
    name: where
    for rows in (_TEXT, _MULTIMODAL, _POOLING)
    for where, names in rows.items()
    for name in names.split()
}
"""Where each architecture's family stands: "room.module:name"."""


def family_of(architecture: str) -> Family:
    """The family of a name of the table."""
    return _family_at(ARCHITECTURES[architecture])


def _family_at(where: str) -> Family:
    module, name = where.split(":")
    found = getattr(import_module(f"{__package__}.{module}"), name)
    return found if isinstance(found, Family) else Family(found)


def served_by(name: str) -> tuple[str, Family]:
    """(the name under which vLLM serves `name`, its family): a name of the table and a drafter's by itself, another by
    the model that its suffix points to, converted for pooling.

    NotUnderstoodError for an architecture that we have no rules for.
    """
    if name in ARCHITECTURES:
        return name, family_of(name)
    from vllm_costmeter.sources.model_config.families.conversion import converted_from
    from vllm_costmeter.sources.model_config.families.drafters.registry import HEADS

    if name in HEADS:
        return name, _family_at(HEADS[name])
    found = converted_from(name, ARCHITECTURES)
    if found is None:
        raise NotUnderstoodError(f"architecture {name[:60]!r}: {_why(name)}")
    base, conversion = found
    served = family_of(base)
    if conversion is None or served.is_pooling:
        return base, served
    return base, replace(served, build=conversion(served.build), is_pooling=True)


def _why(name: str) -> str:
    """The reason where one is recorded, else the names that are similar."""
    from vllm_costmeter.sources.model_config.families.unmodelled import UNMODELLED

    reason = UNMODELLED.get(name)
    if reason is not None:
        return f"its memory is not known: {reason}"
    return f"its weights are not known{nearest(name, ARCHITECTURES)}"
