"""Quantization inferred from a model's name, for checkpoints without quantization in config.json.

NVIDIA's checkpoints have it in hf_quant_config.json, which is missing if only config.json is copied; then the weights
are counted as unquantized, and the name is the only hint.
"""

from __future__ import annotations

import re

from vllm_costmeter.core.dataclass import dataclass

_WORDS = re.compile(
    r"(?<![a-z0-9])(?:(nvfp4|mxfp4|fp4|int4|awq|w4a16|w4a8|w4a4|4bit|gptq)|(mxfp8|fp8|int8|w8a8|w8a16|8bit))(?![a-z0-9])"
)
_FOUR_BITS, _EIGHT_BITS = 0.25, 0.5  # of 16-bit weights, were every tensor quantized and scales free


@dataclass(frozen=True, slots=True)
class NamedQuantization:
    """A quantization known only from a name."""

    name: str
    """As in the model's name: NVFP4, FP8."""
    least_share: float
    """Lower bound of the weights, as a fraction of their unquantized size."""

    @property
    def provenance(self) -> str:
        return f"the name contains {self.name}, config.json has no quantization"

    @property
    def note(self) -> str:
        return (
            f"the model's name contains {self.name}, its config.json has no quantization: the weights are counted as "
            "unquantized; to be sure, check the Hub id, or a folder with the weights or hf_quant_config.json"
        )


def named_quantization(model_name: str) -> NamedQuantization | None:
    """From the last part of an id or path; for a config.json from its folder, for a snapshot in the Hub's cache from
    the repository."""
    parts = [part for part in re.split(r"[/\\]", model_name) if part]
    if parts and parts[-1].endswith(".json"):
        parts.pop()
    if len(parts) >= 3 and parts[-2] == "snapshots":
        parts = parts[:-2]
    if not parts:
        return None
    found = _WORDS.search(parts[-1].lower().replace("_", "-"))
    if found is None:
        return None
    said = parts[-1][found.start() : found.end()]
    return NamedQuantization(said.upper(), _FOUR_BITS if found[1] else _EIGHT_BITS)
