"""`--hf-overrides`: values put into config.json before the model is read, as vLLM does.

`ModelConfig._apply_dict_overrides` and `get_config`, the same in vLLM 0.17 to 0.33; tried with 0.32 (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from vllm_costmeter.core.errors import BadInputError

_ROPE = ("rope_parameters", "rope_scaling")
"""Two names of one attribute in Transformers 5."""
_DEEPEST = 20
_active: ContextVar[Mapping[str, Any] | None] = ContextVar("hf_overrides", default=None)


@contextmanager
def overriding(overrides: Mapping[str, Any] | None) -> Iterator[None]:
    """Every config.json read inside gets these values: that of the model, whose draft model is read outside."""
    token = _active.set(overrides)
    try:
        yield
    finally:
        _active.reset(token)


def with_active_overrides(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config with the values of the innermost `overriding`."""
    overrides = _active.get()
    return config if not overrides else overridden(config, overrides)


def overridden(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The config with each value replaced; a section of its own (text_config) is merged, key by key.

    BadInputError for a value with which vLLM stops.
    """
    found = dict(config)
    for key, value in overrides.items():
        if key in _ROPE:
            _reject_rope(key, value)
            for name in _ROPE:
                found.pop(name, None)
            found["rope_parameters"] = value
        elif isinstance(value, Mapping) and key.endswith("_config") and key != "quantization_config":
            section = found.get(key)
            if not isinstance(section, Mapping) and key == "text_config":
                raise BadInputError(
                    f"--hf-overrides: the model has no {key}: vLLM stops; leave the section out"
                )
            found[key] = _merged(section, value, 0) if isinstance(section, Mapping) else value
        else:
            found[key] = value
    return found


def _merged(section: Mapping[str, Any], updates: Mapping[str, Any], depth: int) -> dict[str, Any]:
    found = dict(section)
    for key, value in updates.items():
        name = key
        if key in _ROPE:
            name = next((each for each in _ROPE if each in found), "rope_parameters")
        before = found.get(name)
        is_nested = isinstance(before, Mapping) and isinstance(value, Mapping) and depth < _DEEPEST
        found[name] = (
            _merged(before, value, depth + 1) if is_nested and isinstance(before, Mapping) else value
        )
    return found


def _reject_rope(key: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise BadInputError(f"--hf-overrides: {key} must be an object, got {value!r:.60}")
    nested = [each for each in value.values() if isinstance(each, Mapping)]
    if any("rope_type" not in each for each in nested or [value]):
        raise BadInputError(f"--hf-overrides: {key} needs rope_type: vLLM stops without it")
