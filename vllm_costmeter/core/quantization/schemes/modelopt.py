"""NVIDIA ModelOpt checkpoints: one algorithm with exclusions, or one per layer (vLLM 0.32, modelopt.py)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from fnmatch import fnmatchcase

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.quantization.names import NameRules, shard_names
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme
from vllm_costmeter.core.quantization.schemes.checkpoint_fp8 import is_listed

_VISION = ("vision_tower", "vision_model", "vit_large_projector")  # never quantized, modelopt.py
_KV_SCALES = 4  # q, k, v and prob scale in the served dtype


def is_excluded(name: str, fused_from: tuple[str, ...], excluded: NameRules) -> bool:
    """vLLM's three ways in order: exact (also for fused projections), substring, shell wildcard."""
    entries = excluded.near(name)
    if not entries:
        return False
    if is_listed(name, fused_from, entries):
        return True
    if "experts" in name and any("experts" in entry and name in entry for entry in entries):
        return True
    bare = name.removeprefix("language_model.")
    return any(entry in name or entry in bare or fnmatchcase(name, entry) for entry in entries)


@dataclass(frozen=True, slots=True)
class ModelOpt:
    """One algorithm for every linear layer, every expert and the output head that is not excluded."""

    method: str
    scheme: Scheme
    excluded: NameRules

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return _KV_SCALES * element_bytes

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        if is_excluded(name, fused_from, self.excluded) or any(part in name for part in _VISION):
            return PLAIN
        return self.scheme

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        return PLAIN if is_excluded(name, (), self.excluded) else self.scheme

    def head_scheme(self, name: str) -> Scheme:
        return self.linear_scheme(name, ())

    def layer_key(self, index: int) -> Hashable:
        return self.excluded.layer_key(index)


@dataclass(frozen=True, slots=True)
class ModelOptMixed:
    """Each layer's algorithm is listed by name; layers not listed are unquantized."""

    method: str
    schemes: Mapping[str, Scheme]
    """Algorithm, as spelled in the list -> scheme."""
    algorithms: Mapping[str, str]
    """Name in the checkpoint -> algorithm."""
    listed: NameRules
    excluded: NameRules
    kv_scales: bool

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return _KV_SCALES * element_bytes if self.kv_scales and not is_mla else 0

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        if is_excluded(name, fused_from, self.excluded):
            return PLAIN
        return self._scheme(self._algorithm(name, fused_from))

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        if is_excluded(name, (), self.excluded):
            return PLAIN
        algorithm = self._algorithm(name, ())
        if algorithm is None:
            algorithm = self._below(name) or self._below(name.removesuffix(".experts"))
        return self._scheme(algorithm)

    def head_scheme(self, name: str) -> Scheme:
        return self.linear_scheme(name, ())

    def layer_key(self, index: int) -> Hashable:
        own = self.listed.by_layer.get(index, ())
        names = sorted((entry.replace(f".{index}.", ".#.", 1), self.algorithms[entry]) for entry in own)
        return tuple(names), self.excluded.layer_key(index)

    def _scheme(self, algorithm: str | None) -> Scheme:
        return PLAIN if algorithm is None else self.schemes[algorithm]

    def _algorithm(self, name: str, fused_from: tuple[str, ...]) -> str | None:
        if name in self.algorithms:
            return self.algorithms[name]
        if name.endswith(".lm_head") and "lm_head" in self.algorithms:
            return self.algorithms["lm_head"]
        shards = shard_names(name, fused_from) if fused_from else ()
        found = {self.algorithms[shard] for shard in shards if shard in self.algorithms}
        if len(found) > 1:
            raise BadInputError(f"{name}: its fused projections are quantized differently; vLLM refuses it")
        return found.pop() if found else None

    def _below(self, name: str) -> str | None:
        for entry in self.listed.near(name):
            if entry.startswith(name + "."):
                return self.algorithms[entry]
        return None
