"""OpenVLA: Llama behind two towers (vLLM 0.32, openvla.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.llama import llama
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.multimodal.text import registered_text
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.towers.prismatic import openvla


def _text(source: Source) -> Weights:
    """Llama, unless the text section names another (`OpenVLAConfig`)."""
    names_one = source.text.optional_list("architectures")
    return registered_text(source) if names_one else llama(source)


OPENVLA = Family(_text, openvla)
