"""GPTQ checkpoints: one scheme, and rules for modules with another scheme or none (vLLM 0.32, auto_gptq.py)."""

from __future__ import annotations

from collections.abc import Hashable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.quantization.names import NameRules, expression, shard_names
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme


@dataclass(frozen=True, slots=True)
class Gptq:
    """Rules match the beginning of vLLM's own names; the first match applies (`get_dynamic_override`)."""

    scheme: Scheme
    rules: tuple[tuple[str, Scheme], ...]
    patterns: NameRules
    """The same expressions, to find whether they distinguish layers."""
    only: tuple[str, ...]
    """Parts of names of the linear layers that are quantized (`modules_in_block_to_quantize`); empty: all."""
    head: bool
    """Whether the output head is quantized too (`lm_head`)."""
    method: str = "gptq"

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        if self.only:
            chosen = {any(entry in shard for entry in self.only) for shard in shard_names(name, fused_from)}
            if len(chosen) > 1:
                raise BadInputError(
                    f"{name}: some but not all of its projections are quantized; vLLM refuses it"
                )
            if not chosen.pop():
                return PLAIN
        return self.experts_scheme(name, ())

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        for pattern, scheme in self.rules:
            if expression(pattern).match(name):
                return scheme
        return self.scheme

    def head_scheme(self, name: str) -> Scheme:
        return self.linear_scheme(name, ()) if self.head else PLAIN

    def layer_key(self, index: int) -> Hashable:
        numbered = any(any(map(str.isdigit, entry)) for entry in self.only)
        return index if numbered else self.patterns.layer_key(index)
