"""Keys that a config.json may omit because its configuration class supplies a default.

`python -m scripts.upstream.config_defaults table` writes `class_defaults.json` from the classes of
transformers and vLLM, one class per line. A class is parsed only when a config.json lacks a key, and then
only its line.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("class_defaults.json")
TEXT_SECTIONS = ("text_config", "llm_config", "language_config", "thinker_config")

_MOST_LAYERS = 4096
"""A file with more layers is corrupt; no list is built for it."""

ClassRecord = Mapping[str, Any]
"""One class, by part; empty parts are omitted.

values: the default of a key
rules: a formula in place of a default (`evaluated`)
patterns: a list with one entry per layer (`per_layer`)
aliases: alternative name of a key -> the class's own name
keeps_null: keys for which null is a value, not an absence
sections: a section -> [its class, whether its model_type selects another]
absent: what the class substitutes for a missing section
is_flat: the text section's keys may be at the root
varies: key -> release of transformers -> default, for keys without a single default
"""


@functools.lru_cache(maxsize=64)
def class_record(name: str) -> ClassRecord:
    """The configuration class of a `model_type`; empty if neither transformers nor vLLM has one."""
    text = _classes()
    start = text.find(f"\n{json.dumps(name)}:")
    if start < 0:
        return {}
    line = text[start + 1 : text.index("\n", start + 1)]
    found = json.loads("{" + line.rstrip(",") + "}")[name]
    return class_record(found) if isinstance(found, str) else found


class ClassDefaults:
    """The defaults of one section's class. The table is read when the first key is missing."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ClassDefaults:
        """The defaults of the class named by the file's own model_type."""
        name = values.get("model_type")
        return cls(name if isinstance(name, str) else None)

    @functools.cached_property
    def _record(self) -> ClassRecord:
        return class_record(self._name) if self._name is not None else {}

    def value(self, values: Mapping[str, Any], key: str) -> Any:
        """The value vLLM uses for `key` when it is missing from `values`; None if there is none."""
        for record in self._records(values):
            found = _under_another_name(record, values, key)
            if found is None:
                found = self._filled(record, values, key)
            if found is not None:
                return found
        return None

    def is_alias(self, key: str) -> bool:
        """Whether `key` is an alias of the class's own name."""
        return key in self._record.get("aliases", ())

    def is_derived(self, key: str, other: str) -> bool:
        """Whether the class computes `key` from `other`; `other` is then not an alias of `key`."""
        rule = self._record.get("rules", {}).get(key, "")
        return other in rule.split() and rule != other

    def section(self, key: str, values: Mapping[str, Any]) -> ClassDefaults:
        """The defaults of the class that reads the section `key` with these values."""
        stated, record = ClassDefaults.of(values), self._record
        if not record:
            return stated
        name, follows = record.get("sections", {}).get(key, (None, False))
        return stated if follows and "model_type" in values else ClassDefaults(name)

    def absent_section(self, key: str) -> dict[str, Any] | None:
        """What the class substitutes for a section missing from the file; None if nothing."""
        found = self._record.get("absent", {}).get(key)
        return None if found is None else dict(found)

    def differing(self, keys: Sequence[str]) -> str:
        """Why a missing key has no default here: the default, or one it derives from, differs between
        releases. Empty if its class has no default at all."""
        record = self._record
        followed = [name for key in keys for name in (key, *record.get("rules", {}).get(key, "").split())]
        for name in followed:
            differs = record.get("varies", {}).get(name)
            if differs:
                values = (f"{value} in transformers {release}" for release, value in differs.items())
                return f"; the default of {name} is {', '.join(values)}"
        return ""

    def _records(self, values: Mapping[str, Any]) -> Iterator[ClassRecord]:
        record = self._record
        yield record
        if record.get("is_flat") and not any(name in values for name in record["sections"]):
            yield from (
                class_record(name) for key, (name, _) in record["sections"].items() if key in TEXT_SECTIONS
            )

    def _filled(self, record: ClassRecord, values: Mapping[str, Any], key: str) -> Any:
        key = record.get("aliases", {}).get(key, key)
        if key in values and key in record.get("keeps_null", ()):
            return None

        def value_of(name: str) -> Any:
            section, _, inner = name.rpartition(".")
            if section:
                return self._in_section(values.get(section), section, inner)
            return values[name] if values.get(name) is not None else record.get("values", {}).get(name)

        if key in record.get("patterns", ()):
            return _list_of_layers(record, values, key, value_of)
        rule = record.get("rules", {}).get(key)
        stated = record.get("values", {}).get(key)
        if rule is None:
            return stated
        found = evaluated(rule, value_of)
        return stated if found is None else found

    def _in_section(self, values: Any, section: str, key: str) -> Any:
        if not isinstance(values, dict):
            return None
        return values[key] if key in values else self.section(section, values).value(values, key)


def _list_of_layers(
    record: ClassRecord, values: Mapping[str, Any], key: str, value_of: Callable[[str], Any]
) -> list[Any] | None:
    pattern = record["patterns"][key]
    num_layers = value_of(record.get("aliases", {}).get("num_hidden_layers", "num_hidden_layers"))
    changed_by_null = any(name in values and values[name] is None for name in pattern[3])
    if changed_by_null or type(num_layers) is not int or num_layers > _MOST_LAYERS:
        return None
    return per_layer(pattern, value_of, num_layers)


def _under_another_name(record: ClassRecord, values: Mapping[str, Any], key: str) -> Any:
    """The value under an alias of the key."""
    aliases = record.get("aliases", {})
    names = [aliases[key]] if key in aliases else [name for name, own in aliases.items() if own == key]
    return next((values[name] for name in names if values.get(name) is not None), None)


@functools.cache
def _classes() -> str:
    """The part of the file with one class per line."""
    text = FILE.read_text(encoding="utf-8")
    return text[text.index('"classes":{') + len('"classes":{') :]


def evaluated(formula: str, value_of: Callable[[str], Any]) -> Any:
    """The value of a rule over the section's other keys: `KEY`, `KEY // KEY`, `KEY * KEY` (either operand may
    be a number), `FLAG ? NUMBER`, `len KEY KEY` (length of the first one present) or `SECTION.KEY`. None if a
    key is missing or of the wrong type."""
    match formula.split():
        case ["len", *names]:
            found = next((value for name in names if isinstance(value := value_of(name), (list, str))), None)
            return None if found is None else len(found)
        case [flag, "?", number]:
            return int(number) if value_of(flag) is True else None
        case [one, sign, other]:
            left, right = (int(name) if name.isdigit() else value_of(name) for name in (one, other))
            if type(left) is not int or type(right) is not int or right <= 0:
                return None
            return left * right if sign == "*" else left // right
        case _:
            return value_of(formula)


def per_layer(pattern: Sequence[Any], value_of: Callable[[str], Any], num_layers: int) -> list[Any] | None:
    """A list with one entry per layer, from [the kinds that repeat, the last layer's kind if it breaks the
    pattern, the key with the period, keys for which null changes the pattern].

    None if these keys are absent or have values that no class accepts."""
    kinds, last, key, _ = pattern
    every = value_of(key) if key is not None else None
    if every is not None:
        if type(every) is not int or every <= 0:
            return None
        every = min(every, num_layers + 1)
        odd_first = len(kinds) > 1 and kinds[0] != kinds[1]
        kinds = kinds[:1] + kinds[-1:] * (every - 1) if odd_first else kinds[:1] * (every - 1) + kinds[-1:]
    found = [kinds[index % len(kinds)] for index in range(num_layers)]
    return found if last is None else [*found[:-1], last]
