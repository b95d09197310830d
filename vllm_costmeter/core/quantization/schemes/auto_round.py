"""AutoRound: one scheme, layers with their own bits or none (`extra_config`), and the blocks that are quantized."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.quantization.names import NameRules, expression, shard_names
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme


@dataclass(frozen=True, slots=True)
class AutoRound:
    """vLLM's order: the layer's name, the end of a name, its fused projections' names, an expression, the blocks
    (`get_layer_config` of quantization/inc.py, 0.17 to 0.33)."""

    scheme: Scheme
    layers: Mapping[str, Scheme]
    """By vLLM's name of the layer, or its end."""
    expressions: tuple[tuple[str, Scheme], ...]
    blocks: tuple[str, ...]
    """Beginnings of the names of quantized layers; empty: all."""
    names: NameRules
    """Every name and expression, to find whether they distinguish layers."""
    method: str = "inc"

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        own = self._stated(name)
        if own is not None:
            return own
        shards = [self._named(shard) for shard in shard_names(name, fused_from)] if fused_from else []
        if any(scheme is not None for scheme in shards):
            return _only(name, [scheme or self._unnamed(name) for scheme in shards])
        return self._named(name) or self._unnamed(name)

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        own = [scheme for entry, scheme in self._near(name) if entry.startswith(name)]
        return _only(name, own) if own else self.linear_scheme(name, ())

    def head_scheme(self, name: str) -> Scheme:
        return self._stated(name) or PLAIN

    def layer_key(self, index: int) -> Hashable:
        return self.names.layer_key(index)

    def _near(self, name: str) -> Iterator[tuple[str, Scheme]]:
        for entry in self.names.near(name):
            if entry in self.layers:
                yield entry, self.layers[entry]

    def _stated(self, name: str) -> Scheme | None:
        """The entry of this name or of its end; one of `model.` and this name if it leaves the layer plain."""
        if self.layers.get(f"model.{name}") is PLAIN:
            return PLAIN
        if name in self.layers:
            return self.layers[name]
        return next((scheme for entry, scheme in self._near(name) if name.endswith(f".{entry}")), None)

    def _named(self, name: str) -> Scheme | None:
        own = self.layers.get(name)
        if own is not None:
            return own
        return next((scheme for text, scheme in self.expressions if expression(text).search(name)), None)

    def _unnamed(self, name: str) -> Scheme:
        return self.scheme if not self.blocks or name.startswith(self.blocks) else PLAIN


def _only(name: str, schemes: list[Scheme]) -> Scheme:
    first = schemes[0]
    if any(scheme != first for scheme in schemes):
        raise BadInputError(f"{name}: its projections are quantized differently; vLLM refuses it")
    return first
