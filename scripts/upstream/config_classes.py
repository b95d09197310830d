"""The defaults of a configuration class, found by constructing it with and without keys and sections.

Works with the classes of transformers 4.57 or later; vLLM's own classes need their vLLM.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.upstream.config_derivations import (
    attributes,
    changes,
    is_plain,
    keywords,
    pattern_of,
    read,
    rule_of,
    switch_of,
    tried,
)
from vllm_costmeter.sources.model_config.class_defaults import TEXT_SECTIONS

_UNUSED = 96 * 7
"""A size that is never a default."""
_OTHER_TYPES = ("siglip_vision_model", "qwen3", "gemma2", "llama", "mistral", "whisper")
"""Model types of different kinds, to test whether a section's own model_type selects its class."""


Value = Any


@dataclass
class Described:
    """One class, as stored in `class_defaults.json`."""

    values: dict[str, Value] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    """For `class_defaults.evaluated`."""
    patterns: dict[str, list[Any]] = field(default_factory=dict)
    """For `class_defaults.per_layer`."""
    aliases: dict[str, str] = field(default_factory=dict)
    keeps_null: list[str] = field(default_factory=list)
    """Keys for which null stays null, while a missing key gets the default."""
    sections: dict[str, list[Any]] = field(default_factory=dict)
    """[name of the class, whether a model_type in the section selects another]"""
    absent: dict[str, dict[str, Value]] = field(default_factory=dict)
    """The substitute for a missing section, if it differs from the section class's defaults."""
    is_flat: bool = False
    """Whether keys of the text section may be at the root instead."""

    def as_json(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in fields.items() if value}


def describe(cls: type, keys: frozenset[str], name_of: Callable[[Any, str], str]) -> Described:
    """The defaults of `cls` for `keys`; `name_of(instance, key)` names the class of a section. Raises what
    the class raises if it cannot be constructed without arguments."""
    whole = read(cls, {})
    found = Described(aliases=_aliases(cls, keys) | _older_names(cls, whole, keys))
    changed = changes(cls, whole)
    for key, value in whole.items():
        if key not in keys or key in found.aliases:
            continue
        if value is None and (switched := switch_of(key, changed)) is not None:
            found.rules[key] = switched
        if isinstance(value, list) and (pattern := pattern_of(cls, key, changed)) is not None:
            found.patterns[key] = pattern
            continue
        if not is_plain(value):
            continue
        by = {other for other, after in changed.items() if other != key and after.get(key) != value}
        if not by and not isinstance(inspect.getattr_static(cls, key, None), property):
            found.values[key] = value
        elif (rule := rule_of(cls, key, value, whole, by)) is not None:
            found.rules[key] = rule
    for key, rule in found.rules.items():
        for operand in set(rule.split()) & whole.keys():
            if is_plain(whole[operand]) and (
                operand not in keys or key in found.rules.get(operand, "").split()
            ):
                found.values[operand] = whole[operand]
    found.keeps_null = sorted(key for key in found.values if _null(cls, key))
    partial = _partial_rotary_factor(cls, whole)
    if partial is not None:
        found.values["partial_rotary_factor"] = partial
    _describe_sections(cls, found, keys, name_of)
    return found


def section_of(instance: Any, path: str) -> Any:
    """The configuration at a path such as `a.b`; the instance itself for an empty path."""
    for name in filter(None, path.split(".")):
        instance = getattr(instance, name)
    return instance


def _aliases(cls: type, keys: frozenset[str]) -> dict[str, str]:
    return {name: own for name, own in dict(getattr(cls, "attribute_map", {})).items() if name in keys}


def _older_names(cls: type, whole: Mapping[str, Any], keys: frozenset[str]) -> dict[str, str]:
    """Old names that the class's code accepts for one of its keys (`kwargs.pop("n_layers")`)."""
    found = {}
    for name in keywords(cls) - whole.keys():
        after = tried(cls, {name: _UNUSED}) or {}
        same = [key for key in keys & whole.keys() if after.get(key) == _UNUSED]
        if len(same) == 1:
            found[name] = same[0]
    return found


def _null(cls: type, key: str) -> bool:
    after = tried(cls, {key: None})
    return after is not None and after.get(key) is None


def _partial_rotary_factor(cls: type, whole: Mapping[str, Any]) -> float | None:
    """Stored in rope_parameters, and filled in there if a file's rope_parameters lack it."""
    if "rope_parameters" not in whole:
        return None
    after = tried(cls, {"rope_parameters": {"rope_type": "default", "rope_theta": 12345.0}})
    inner = after.get("rope_parameters") if after is not None else None
    return inner.get("partial_rotary_factor") if isinstance(inner, dict) else None


def _describe_sections(
    cls: type, found: Described, keys: frozenset[str], name_of: Callable[[Any, str], str]
) -> None:
    absent = cls()
    for name, section in list(vars(absent).items()) + [
        (name, None) for name in getattr(cls, "sub_configs", {})
    ]:
        if (
            name.startswith("_")
            or name in found.sections
            or (section is not None and not hasattr(section, "to_dict"))
        ):
            continue
        stated = _constructed(cls, {name: {}})
        stated = getattr(stated, name, None)
        if not hasattr(stated, "to_dict"):
            continue
        typed = [
            getattr(_constructed(cls, {name: {"model_type": other}}), name, None) for other in _OTHER_TYPES
        ]
        follows = any(hasattr(one, "to_dict") and type(one) is not type(stated) for one in typed)
        found.sections[name] = [name_of(stated, name), follows]
        if section is not None and name not in TEXT_SECTIONS:
            differs = _differences(section, stated, keys)
            if type(section) is type(stated):
                found.absent[name] = differs
        if name in TEXT_SECTIONS:
            flat = getattr(_constructed(cls, {"hidden_size": 768 * 7}), name, None)
            found.is_flat = found.is_flat or getattr(flat, "hidden_size", None) == 768 * 7
            _tied_with_text(cls, found, name)


def _tied_with_text(cls: type, found: Described, section: str) -> None:
    key = "tie_word_embeddings"
    ties = [getattr(_constructed(cls, {section: {key: tie}}), key, None) for tie in (False, True)]
    if ties == [False, True]:
        found.values.pop(key, None)
        found.rules[key] = f"{section}.{key}"


def _constructed(cls: type, given: Mapping[str, Any]) -> Any:
    try:
        return cls(**copy.deepcopy(dict(given)))
    except Exception:  # noqa: BLE001 - a section that the class rejects
        return None


def _differences(one: Any, other: Any, keys: frozenset[str]) -> dict[str, Any]:
    mine, theirs = dict(attributes(one)), dict(attributes(other))
    return {
        key: mine[key] for key in keys & mine.keys() if is_plain(mine[key]) and mine[key] != theirs.get(key)
    }
