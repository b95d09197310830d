"""What is known of one flag of `vllm serve` that changes GPU memory: its kind, what it affects, how it is described.

Each stands once, with its field, in `core.engine.args`; command line, Python, a starting server, exact mode and
calibration all go by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass, field, fields
from vllm_costmeter.core.errors import BadInputError

LARGEST = 1 << 50
"""Beyond any context, batch or memory."""

Kind = Literal["whole", "wholes", "length", "share", "gibibytes", "switch", "text", "object", "limits"]
Effect = Literal[
    "weights", "kv_layout", "kv_blocks", "batch", "graphs", "adapters", "offload", "budget", "length"
]
"""weights: what is loaded. kv_layout: the size and kind of KV caches. kv_blocks: how they are cut. batch: sequences and
tokens of one step. budget: what vLLM may use. length: the longest context alone."""

WANTED: Mapping[Kind, str] = {
    "whole": "a whole number",
    "wholes": "whole numbers",
    "length": "a whole number",
    "share": "a number",
    "gibibytes": "a number",
    "switch": "True or False",
    "text": "text",
    "object": "a dictionary",
    "limits": "a dictionary",
}


@dataclass(frozen=True, slots=True)
class EngineFlag:
    """One flag."""

    field: str
    """As vLLM's EngineArgs name it; the flag is the same with dashes."""
    kind: Kind
    default: Any
    """None: vLLM fills it in by the model, the GPU and its release."""
    affects: frozenset[Effect]
    help: str
    short: str | None = None

    @property
    def name(self) -> str:
        return self.field.replace("_", "-")

    def normalised(self, value: Any) -> Any:
        """A value from Python or from vLLM's own EngineArgs as this flag holds it; what cannot be meant stays."""
        if value is None:
            return self.default
        if self.kind == "gibibytes" and type(value) is int:
            return float(value)  # vLLM's own default is an int
        if self.kind == "wholes" and isinstance(value, list):
            return tuple(value)
        if self.kind == "limits" and isinstance(value, Mapping):
            return {name: _limit(limit) for name, limit in value.items()} or None
        if self.kind == "object" and isinstance(value, Mapping):
            return {str(name).replace("-", "_"): each for name, each in value.items()}
        return value

    def reject(self, value: Any) -> None:
        """BadInputError for what is not of the flag's kind, or out of range; None is what vLLM fills in."""
        if value is None and self.default is None:
            return
        if not _is(value, self.kind):
            raise BadInputError(f"{self.field} must be {WANTED[self.kind]}, got {value!r:.80}")
        least = -1 if self.kind == "length" else 1
        if self.kind in ("whole", "length") and (value == 0 or not least <= value <= LARGEST):
            raise BadInputError(f"{self.field} must be between 1 and {LARGEST}, got {value}")
        if self.kind == "gibibytes" and value < 0:
            raise BadInputError(f"{self.field} must be 0 or more, got {value}")
        if self.kind == "limits":
            for name, limit in value.items():
                if not (type(limit) is int and 0 <= limit <= LARGEST):
                    raise BadInputError(
                        f"{self.field} of {name!r:.40} must be a whole number, got {limit!r:.80}"
                    )


def flag(default: Any, kind: Kind, *affects: Effect, help: str, short: str | None = None) -> Any:
    """A field of EngineArgs with what is known of it."""
    return field(default=default, metadata={"flag": (kind, frozenset(affects), help, short)})


def flags_in(settings: type) -> tuple[EngineFlag, ...]:
    """The flags of a dataclass, in its order."""
    found = []
    for each in fields(settings):
        if "flag" in each.metadata:
            kind, affects, described, short = each.metadata["flag"]
            found.append(EngineFlag(each.name, kind, each.default, affects, described, short))
    return tuple(found)


def _limit(limit: Any) -> Any:
    """A modality's limit: a number, or (since 0.11) an object with a `count`, 999 where that has none."""
    if isinstance(limit, Mapping):
        return limit.get("count", 999)
    return getattr(limit, "count", limit) if not isinstance(limit, int | str) else limit


def _is(value: Any, kind: Kind) -> bool:
    if kind in ("whole", "length"):
        return type(value) is int
    if kind == "wholes":
        return isinstance(value, tuple) and all(type(each) is int and 0 < each <= LARGEST for each in value)
    if kind in ("share", "gibibytes"):
        return type(value) in (int, float) and math.isfinite(value)
    if kind in ("object", "limits"):
        return isinstance(value, Mapping)
    return type(value) is (bool if kind == "switch" else str)
