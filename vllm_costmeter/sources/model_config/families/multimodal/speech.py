"""Language models behind an audio tower (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import llama, qwen2, qwen3
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.conformers import fire_red, fun_asr
from vllm_costmeter.sources.model_config.towers.listening import (
    fun_audio_chat,
    glm_asr,
    kimi_audio,
    moss_audio,
    moss_transcribe,
)
from vllm_costmeter.sources.model_config.towers.speech import (
    audio_flamingo,
    granite_speech,
    midashenglm,
    ultravox,
)
from vllm_costmeter.sources.model_config.towers.voxtral import (
    realtime_caches,
    voxtral,
    voxtral_realtime,
)


def _ultravox_text(source: Source) -> Weights:
    """The language model, where the file describes it."""
    if source.root.raw("text_model_id") is not None:
        raise NotUnderstoodError(
            f"{source.root.name}: the language model is another repository's (text_model_id)"
        )
    return registered_text(source)


def fire_red_text(source: Source) -> Weights:
    """Qwen 2, under names of its own."""
    return qwen2(replace(source, prefix="model.decoder."))


def fun_asr_text(source: Source) -> Weights:
    """Qwen 3 with the encoder in it: vLLM does not mark it as a tower, so no flag leaves it out."""
    weights = qwen3(replace(source, prefix="model.decoder."))
    return replace(weights, everywhere=(*weights.everywhere, *fun_asr(source)))


def nothing(_: Source) -> tuple[Part, ...]:
    return ()


_KIMI_NAMES = (
    ("model.encoder.", "audio_tower."),
    ("model.vq_adaptor.", "multi_modal_projector.vq_adaptor."),
    ("model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
)
_MOSS_NAMES = (
    ("lm_head.", "language_model.lm_head."),
    ("language_model.", "language_model.model."),
)

AUDIO_FLAMINGO = Family(qwen2, audio_flamingo, inputs=("audio",))
FIRE_RED_ASR = Family(fire_red_text, fire_red, (("llm.", "model.decoder."),), ("audio",), is_pipelined=False)
FUN_ASR = Family(fun_asr_text, nothing, inputs=("audio",), is_pipelined=False)
FUN_AUDIO_CHAT = Family(qwen3, fun_audio_chat, inputs=("audio",))
GLM_ASR = Family(llama, glm_asr, inputs=("audio",))
GRANITE_SPEECH = Family(registered_text, granite_speech, inputs=("audio",))
KIMI_AUDIO = Family(qwen2, kimi_audio, _KIMI_NAMES, ("audio",))
MIDASHENGLM = Family(qwen2, midashenglm, (("decoder.", "language_model."),), inputs=("audio",))
MOSS_AUDIO = Family(qwen3, moss_audio, _MOSS_NAMES, inputs=("audio",))
MOSS_TRANSCRIBE = Family(qwen3, moss_transcribe, inputs=("audio",))
VOXTRAL = Family(registered_text, voxtral, inputs=("audio",))
VOXTRAL_REALTIME = Family(registered_text, voxtral_realtime, tower_caches=realtime_caches, inputs=("audio",))
ULTRAVOX = Family(
    _ultravox_text, ultravox, (("audio_tower.model.encoder.", "audio_tower."),), inputs=("audio",)
)
