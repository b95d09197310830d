"""HunYuan-VL and HunYuan OCR: by transformers' own code since vLLM 0.32, before by a class of vLLM's own."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.dense.style import Style, dense
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import full_everywhere
from vllm_costmeter.sources.model_config.towers.hunyuan import hunyuan_vl as tower


def hunyuan_vl(source: Source) -> Weights:
    """HunYuan's dense decoder; its file may call a head's size `attention_head_dim`."""
    size = source.text.optional_int("head_dim", "attention_head_dim", minimum=1)
    style = Style(windows=full_everywhere, qk_norm="head", head_size=size, tied=True, inverse_frequencies=1)
    return dense(source, style)


HUNYUAN_VL = Family(hunyuan_vl, tower)
