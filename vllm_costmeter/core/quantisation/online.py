"""Quantisation that vLLM applies itself while it loads a 16-bit checkpoint (`--quantization ...`)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from vllm_costmeter.core.errors import NotUnderstoodError, nearest
from vllm_costmeter.core.quantisation.fp8 import EightBitPerChannel, EightBitPerTensor, Fp8PerBlock
from vllm_costmeter.core.quantisation.scheme import PLAIN, Quantisation, Scheme

_FP8_ATTENTION_VALUES = (
    4  # Fp8KVCacheMethod adds q, k, v and prob scales in the served dtype, vLLM 0.17 to 0.25
)


@dataclass(frozen=True, slots=True)
class Online:
    """Every linear layer and every expert under one scheme; embeddings, the head and routers keep their dtype."""

    method: str
    linear: Scheme
    experts: Scheme
    attention_values: int = 0

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0 if is_mla else self.attention_values * element_bytes

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        return self.linear

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        return self.experts

    def head_scheme(self, name: str) -> Scheme:
        return PLAIN

    def layer_key(self, index: int) -> Hashable:
        return None


_TENSOR = EightBitPerTensor()
_ONLINE = {  # names and what they cover: `_ONLINE_SHORTHANDS` in vLLM 0.32's config/quantization.py; fp8 until 0.31
    "fp8": Online("fp8", _TENSOR, _TENSOR, _FP8_ATTENTION_VALUES),
    "fp8_per_tensor": Online("fp8_per_tensor", _TENSOR, _TENSOR),
    "fp8_per_channel": Online("fp8_per_channel", EightBitPerChannel(), EightBitPerChannel()),
    "fp8_per_block": Online("fp8_per_block", Fp8PerBlock(), Fp8PerBlock()),
    "int8_per_channel_weight_only": Online("int8_per_channel_weight_only", PLAIN, EightBitPerChannel()),
}


def online_quantisation(name: str) -> Quantisation:
    """The quantisation that `--quantization name` applies to an unquantised checkpoint."""
    found = _ONLINE.get(name)
    if found is None:
        raise NotUnderstoodError(
            f"--quantization {name} on an unquantised checkpoint: its weights are not known"
            f"{nearest(name, _ONLINE)}"
        )
    return found
