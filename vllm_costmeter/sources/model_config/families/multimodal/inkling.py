"""Inkling with its towers (vLLM 0.26 to 0.33). The language model's names begin without a prefix."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.model_config.families.hybrid.inkling import INKLING as _TEXT
from vllm_costmeter.sources.model_config.towers.inkling import inkling_towers

INKLING = replace(_TEXT, tower=inkling_towers, inputs=("image", "audio"), tower_is_plain=True)
