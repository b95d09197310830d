"""Nemotron-H behind RADIO and Parakeet (Nemotron Nano VL, the Omni models), Llama behind RADIO (Llama Nemotron Nano
VL); vLLM 0.32, nano_nemotron_vl.py, nemotron_vl.py."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.attention import Mamba2State
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.nemotron_h import nemotron_h, prediction
from vllm_costmeter.sources.model_config.families.layers import each_kind
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.radio import llama_nemotron_nano_vl, nemotron_vl

_NAMES = (("language_model.backbone.", "language_model.model."),)
_INPUTS = ("image", "video", "audio")


def _omni(source: Source) -> Weights:
    """The Omni names are missing among those for which vLLM reads the dtype of the states from the file (its
    MODELS_CONFIG_MAP, 0.20 to 0.33), so that states have the model's."""
    built = nemotron_h(source)
    return replace(built, layers=tuple(each_kind(built.layers, _in_model_dtype)))


def _in_model_dtype(layer: Layer) -> Layer:
    caches = (replace(one, state_dtype=None) if isinstance(one, Mamba2State) else one for one in layer.caches)
    return replace(layer, caches=tuple(caches))


LLAMA_NEMOTRON_NANO_VL = Family(registered_text, llama_nemotron_nano_vl, tower_is_plain=True)
NEMOTRON_VL = Family(nemotron_h, nemotron_vl, _NAMES, _INPUTS, tower_is_plain=True, is_pipelined=False)
NEMOTRON_OMNI = replace(NEMOTRON_VL, build=_omni)
NEMOTRON_OMNI_MTP = replace(NEMOTRON_OMNI, prediction=prediction)
"""The names for which vLLM 0.32 builds the text section's prediction layer (config/speculative.py)."""
