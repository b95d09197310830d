"""Checkpoints with quant_method fp8 or mxfp4: one scheme, and a list of unquantized modules."""

from __future__ import annotations

from collections.abc import Hashable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.quantization.names import NameRules, shard_names
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme


@dataclass(frozen=True, slots=True)
class ListedFp8:
    """vLLM's Fp8Config: names match exactly; experts match where an entry about experts contains their name."""

    method: str
    linear: Scheme
    experts: Scheme
    skipped: NameRules
    attention_values: int = 4
    """q, k, v and prob scale, in the served dtype (BaseKVCacheMethod.create_weights); not under MLA."""

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0 if is_mla else self.attention_values * element_bytes

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        entries = self.skipped.near(name)
        return PLAIN if is_listed(name, fused_from, entries) else self.linear

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        entries = self.skipped.near(name)
        listed = any("experts" in entry and name in entry for entry in entries)
        return PLAIN if listed else self.experts

    def head_scheme(self, name: str) -> Scheme:
        return PLAIN

    def layer_key(self, index: int) -> Hashable:
        return self.skipped.layer_key(index)


def is_listed(name: str, fused_from: tuple[str, ...], entries: tuple[str, ...]) -> bool:
    """Whether a layer is in an exclusion list, by its own name or its fused projections' names; all or none of them, as
    vLLM requires (`is_layer_skipped`)."""
    if name in entries:
        return True
    listed = [shard in entries for shard in shard_names(name, fused_from)]
    if any(listed) and not all(listed):
        raise BadInputError(
            f"{name}: some but not all of its fused projections are quantized; vLLM refuses it"
        )
    return all(listed)
