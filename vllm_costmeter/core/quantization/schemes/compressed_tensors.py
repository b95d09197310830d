"""compressed-tensors checkpoints: groups of targets with a scheme each, and modules to ignore (vLLM 0.32)."""

from __future__ import annotations

from collections.abc import Hashable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.quantization.names import NameRules, expression, shard_names
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme

_LINEAR_CLASSES = (  # class names that a target such as "Linear" is looked for in (find_matched_target)
    "columnparallellinear",
    "rowparallellinear",
    "qkvparallellinear",
)
_MOE_NAMES = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Names, `re:` patterns or class names, and the scheme of what they match. None: unquantized."""

    targets: NameRules
    scheme: Scheme | None

    def names(self, name: str, fused_from: tuple[str, ...]) -> bool:
        """Whether a target names the layer, or all the projections fused in it."""
        entries = self.targets.near(name)
        if any(_matches(name, entry) for entry in entries):
            return True
        shards = shard_names(name, fused_from) if fused_from else ()
        return bool(shards) and all(any(_matches(shard, entry) for entry in entries) for shard in shards)

    def covers_linear(self) -> bool:
        """Whether a target is (part of) the class name of vLLM's linear layers."""
        return any(
            not entry.startswith("re:") and any(entry.lower() in cls for cls in _LINEAR_CLASSES)
            for entry in self.targets.general
        )


@dataclass(frozen=True, slots=True)
class CompressedTensors:
    method: str
    groups: tuple[TargetGroup, ...]
    ignored: NameRules

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        """Float32 scales and served-dtype zero points for queries, keys and values."""
        return 0 if is_mla else 3 * (4 + element_bytes)

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        if self._is_ignored(name, fused_from):
            return PLAIN
        for group in self.groups:
            if group.names(name, fused_from):
                return group.scheme or PLAIN
        for group in self.groups:
            if group.covers_linear():
                return group.scheme or PLAIN
        return PLAIN

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        """Experts follow their first expert's matrices, which all agree (`get_moe_method`)."""
        members = tuple(f"0.{part}" for part in checkpoint_names or _MOE_NAMES)
        names = tuple(f"{name}.{member}" for member in members)
        schemes = {id(scheme): scheme for scheme in (self.linear_scheme(member, ()) for member in names)}
        if len(schemes) > 1:
            raise BadInputError(f"{name}: its matrices are quantized differently; vLLM refuses it")
        return next(iter(schemes.values()))

    def head_scheme(self, name: str) -> Scheme:
        """The output head is no Linear by class, so only a target that names it quantizes it."""
        if self._is_ignored(name, ()):
            return PLAIN
        for group in self.groups:
            if any(_matches(name, entry) for entry in group.targets.near(name)):
                return group.scheme or PLAIN
        return PLAIN

    def layer_key(self, index: int) -> Hashable:
        return self.ignored.layer_key(index), *(group.targets.layer_key(index) for group in self.groups)

    def _is_ignored(self, name: str, fused_from: tuple[str, ...]) -> bool:
        entries = self.ignored.near(name)
        if any(_matches(name, entry) for entry in entries):
            return True
        matched = [
            any(_matches(shard, entry) for entry in entries) for shard in shard_names(name, fused_from)
        ]
        if any(matched) and not all(matched):
            raise BadInputError(f"{name}: some but not all of its projections are ignored; vLLM refuses it")
        return all(matched)


def _matches(name: str, entry: str) -> bool:
    if entry.startswith("re:"):
        return expression(entry[3:]).match(name) is not None
    return name == entry
