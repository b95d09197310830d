"""AWQ, AutoRound and bitsandbytes: one scheme, and a list of name parts of unquantized layers."""

from __future__ import annotations

from collections.abc import Hashable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.quantization.names import NameRules, shard_names
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry excludes every layer whose name, or fused projection's name, contains it (AWQ's substring match in
    vLLM 0.32, auto_awq.py)."""

    method: str
    scheme: Scheme
    skipped: NameRules

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        entries = self.skipped.near(name)
        names = (name, *shard_names(name, fused_from))
        return PLAIN if any(entry in own for entry in entries for own in names) else self.scheme

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        return self.linear_scheme(name, ())

    def head_scheme(self, name: str) -> Scheme:
        return PLAIN

    def layer_key(self, index: int) -> Hashable:
        return self.skipped.layer_key(index)
