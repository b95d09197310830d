"""Language models behind an audio tower (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import llama, qwen2
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.listening import glm_asr
from vllm_costmeter.sources.model_config.towers.speech import (
    audio_flamingo,
    granite_speech,
    midashenglm,
    ultravox,
)


def _ultravox_text(source: Source) -> Weights:
    """The language model, where the file describes it."""
    if source.root.raw("text_model_id") is not None:
        raise NotUnderstoodError(
            f"{source.root.name}: the language model is another repository's (text_model_id)"
        )
    return registered_text(source)


AUDIO_FLAMINGO = Family(qwen2, audio_flamingo, inputs=("audio",))
GLM_ASR = Family(llama, glm_asr, inputs=("audio",))
GRANITE_SPEECH = Family(registered_text, granite_speech, inputs=("audio",))
MIDASHENGLM = Family(qwen2, midashenglm, (("decoder.", "language_model."),), inputs=("audio",))
ULTRAVOX = Family(
    _ultravox_text, ultravox, (("audio_tower.model.encoder.", "audio_tower."),), inputs=("audio",)
)
