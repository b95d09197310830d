"""Description of a `vllm serve` flag that changes GPU memory or the start: its kind, its effects, its help text.

Each flag is described once, with its field in `core.engine.args`. The command line, the Python API, a
starting server, exact mode and calibration all use that description.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass, field, fields
from vllm_costmeter.core.errors import BadInputError, nearest

LARGEST = 1 << 50
"""Larger than any context, batch or memory size."""

Kind = Literal[
    "whole", "count", "wholes", "length", "share", "gibibytes", "switch", "text", "object", "limits"
]
Effect = Literal[
    "weights",
    "kv_layout",
    "kv_blocks",
    "kv_windows",
    "batch",
    "graphs",
    "adapters",
    "offload",
    "budget",
    "length",
    "start",
]
"""weights: what is loaded. kv_layout: size and kind of KV caches. kv_blocks: their block size. kv_windows: what
windows reserve for batches in flight. batch: sequences and tokens per step. graphs: CUDA graphs. adapters: LoRA
slots. offload: weights in host memory. budget: memory that vLLM may use. length: the longest context. start: only
whether vLLM starts."""

WANTED: Mapping[Kind, str] = {
    "whole": "a whole number",
    "count": "a whole number",
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
    """Name in vLLM's EngineArgs; the flag has dashes instead of underscores."""
    kind: Kind
    default: Any
    """None: vLLM derives it from the model, the GPU and its release."""
    affects: frozenset[Effect]
    help: str
    short: str | None = None

    @property
    def name(self) -> str:
        return self.field.replace("_", "-")

    @property
    def changes_memory(self) -> bool:
        return self.affects != {"start"}

    def normalised(self, value: Any) -> Any:
        """A value from Python or vLLM's EngineArgs in this flag's type; invalid values stay as they are."""
        if value is None:
            return self.default
        if self.kind == "text" and isinstance(value, Enum):
            return value.name  # vLLM's attention backends
        if self.kind == "gibibytes" and type(value) is int and abs(value) <= LARGEST:
            return float(value)  # vLLM's default is an int
        if self.kind == "wholes" and isinstance(value, list):
            return tuple(value)
        if self.kind == "limits" and isinstance(value, Mapping):
            for name, limit in value.items():
                _reject_limit_keys(str(name), limit)
            return {name: _limit(limit) for name, limit in value.items()} or None
        if self.kind == "object" and isinstance(value, Mapping):
            return {str(name).replace("-", "_"): each for name, each in value.items()}
        return value

    def reject(self, value: Any, name: str | None = None) -> None:
        """BadInputError for a value of the wrong kind or out of range; None is valid if it is the default.

        `name`: what the message calls the flag, by default its field.
        """
        name = name or self.field
        if value is None and self.default is None:
            return
        if not _is(value, self.kind):
            raise BadInputError(f"{name} must be {WANTED[self.kind]}, got {value!r:.80}")
        least = -1 if self.kind == "length" else 1
        if self.kind in ("whole", "length") and (value == 0 or not least <= value <= LARGEST):
            limit = "1 or more" if value < 1 else f"at most {LARGEST:,}"
            raise BadInputError(f"{name} must be {limit}, got {value!r:.80}")
        if self.kind == "share" and not 0 < value <= 1:
            raise BadInputError(
                f"{name} must be above 0 and at most 1, got {value:g}: 0.9 is 90 % of the GPU"
            )
        if self.kind == "count" and not 0 <= value <= LARGEST:
            raise BadInputError(f"{name} must be between 0 and {LARGEST}, got {value}")
        if self.kind == "gibibytes" and value < 0:
            raise BadInputError(f"{name} must be 0 or more, got {value}")
        if self.kind == "limits":
            for kind, limit in value.items():
                if not (type(limit) is int and 0 <= limit <= LARGEST):
                    raise BadInputError(f"{name} of {kind!r:.40} must be a whole number, got {limit!r:.80}")


def flag(default: Any, kind: Kind, *affects: Effect, help: str, short: str | None = None) -> Any:
    """A dataclass field that carries the description of its flag."""
    return field(default=default, metadata={"flag": (kind, frozenset(affects), help, short)})


def flags_in(settings: type) -> tuple[EngineFlag, ...]:
    """The flags of a dataclass, in field order."""
    found = []
    for each in fields(settings):
        if "flag" in each.metadata:
            kind, affects, described, short = each.metadata["flag"]
            found.append(EngineFlag(each.name, kind, each.default, affects, described, short))
    return tuple(found)


_LIMIT_KEYS: Mapping[str, tuple[str, ...]] = {
    "image": ("count", "width", "height"),
    "video": ("count", "num_frames", "width", "height"),
    "audio": ("count", "length"),
}
"""Fields of `ImageDummyOptions` and so on (vllm/config/multimodal.py, 0.17.0 to 0.33.0), which forbid others."""


def _reject_limit_keys(modality: str, limit: Any) -> None:
    known = _LIMIT_KEYS.get(modality, ())
    for key in limit if isinstance(limit, Mapping) and known else ():
        if key not in known:
            raise BadInputError(
                f"the limit of {modality} has no key {str(key)[:40]!r}{nearest(str(key), known)}"
            )


def _limit(limit: Any) -> Any:
    """A modality's limit: a number or, since 0.11, an object with a `count` (default 999)."""
    if isinstance(limit, Mapping):
        return limit.get("count", 999)
    return getattr(limit, "count", limit) if not isinstance(limit, int | str) else limit


def _is(value: Any, kind: Kind) -> bool:
    if kind in ("whole", "count", "length"):
        return type(value) is int
    if kind == "wholes":
        return isinstance(value, tuple) and all(type(each) is int and 0 < each <= LARGEST for each in value)
    if kind in ("share", "gibibytes"):
        return type(value) in (int, float) and abs(value) <= LARGEST
    if kind in ("object", "limits"):
        return isinstance(value, Mapping)
    return type(value) is (bool if kind == "switch" else str)


MOST_SPECULATIVE_TOKENS = 1 << 10


def reject_speculative(asked: Mapping[str, Any] | None) -> None:
    """BadInputError for a method or a number of tokens that vLLM's SpeculativeConfig refuses."""
    method, tokens = (asked or {}).get("method"), (asked or {}).get("num_speculative_tokens")
    if not isinstance(method, str | None):
        raise BadInputError(f"the method of speculative_config must be text, got {method!r:.80}")
    if tokens is not None and not (type(tokens) is int and 0 < tokens <= MOST_SPECULATIVE_TOKENS):
        raise BadInputError(
            f"num_speculative_tokens must be a whole number from 1 to {MOST_SPECULATIVE_TOKENS}, got {tokens!r:.80}"
        )


def video_frames_of(limits: object) -> int | None:
    """`num_frames` of a video in `--limit-mm-per-prompt`, from JSON or vLLM's own objects; None if not given."""
    video = limits.get("video") if isinstance(limits, Mapping) else None
    frames = video.get("num_frames") if isinstance(video, Mapping) else getattr(video, "num_frames", None)
    return frames if type(frames) is int and frames > 0 else None


SPECULATIVE_PARTS = {
    "spec_method": "method",
    "spec_model": "model",
    "spec_tokens": "num_speculative_tokens",
}
"""Separate flags for keys of `--speculative-config`."""


def speculative_config_of(whole: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """`--speculative-config` merged with --spec-method, --spec-model and --spec-tokens, as a new dictionary.

    Follows vLLM's `EngineArgs.create_speculative_config` (0.32). None if none of them was given.
    """
    parts = {key: given[name] for name, key in SPECULATIVE_PARTS.items() if given.get(name) is not None}
    return {**(whole if isinstance(whole, Mapping) else {}), **parts} or None


PREFILL_BACKENDS = ("gdn_prefill_backend", "kda_prefill_backend")
"""Flags that vLLM hands on in `--additional-config`, a given flag over its key (arg_utils.py, 0.20 to 0.33)."""


def prefill_backends_of(additional_config: object) -> dict[str, str]:
    """Those that `--additional-config` names itself."""
    given = additional_config if isinstance(additional_config, Mapping) else {}
    named = {name: given.get(name) for name in PREFILL_BACKENDS}
    return {name: each.strip().lower() for name, each in named.items() if isinstance(each, str)}


ENCODER_ALONE = ("mm_encoder_only", "ec_transfer_config")


def encodes_alone(encoder_only: object, transfer: object) -> bool:
    """From the flags of `ENCODER_ALONE` (JSON or vLLM's object): a producer loads no KV cache, and from
    0.29 no language model (`is_encode_only`)."""
    role = transfer.get("ec_role") if isinstance(transfer, Mapping) else getattr(transfer, "ec_role", None)
    return encoder_only is True or role == "ec_producer"


INTERLEAVE = ("dcp_kv_cache_interleave_size", "cp_kv_cache_interleave_size", "kv_transfer_config")


def interleave_size(old: object, size: object, transfer: object) -> int:
    """From the flags of `INTERLEAVE`: the old name's wins, and vLLM may choose the size for a transfer (0.29 to
    0.33)."""
    if transfer is not None:
        return 1
    stated = old if type(old) is int and old > 1 else size
    return stated if type(stated) is int and stated > 0 else 1
