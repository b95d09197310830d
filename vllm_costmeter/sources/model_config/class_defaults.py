"""What a config.json may leave out, because the configuration class that reads it fills it in.

`python -m scripts.upstream.config_defaults table` writes `class_defaults.json` from the classes of transformers and of
vLLM, one class a line; a class is read when a config.json lacks a key, and of the file no more than that line.
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
"""A file that states more is corrupt, and no list is made of it."""

ClassRecord = Mapping[str, Any]
"""One class, by part; parts that would be empty are not there.

values: the default of a key
rules: a formula instead (`evaluated`)
patterns: a list with one entry per layer (`per_layer`)
aliases: another name of a key -> the class's own
keeps_null: keys whose null is a statement
sections: a section -> [its class, whether its model_type chooses another]
absent: what the class puts in the place of a section that is not there
is_flat: the text section's keys may stand at the root
varies: key -> release of transformers -> default, for keys that take none here
"""


@functools.lru_cache(maxsize=64)
def class_record(name: str) -> ClassRecord:
    """The class that reads a `model_type`; empty for one that neither transformers nor vLLM has."""
    text = _classes()
    start = text.find(f"\n{json.dumps(name)}:")
    if start < 0:
        return {}
    line = text[start + 1 : text.index("\n", start + 1)]
    found = json.loads("{" + line.rstrip(",") + "}")[name]
    return class_record(found) if isinstance(found, str) else found


class ClassDefaults:
    """What one section's class fills in. The table is opened when the first key is missing."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ClassDefaults:
        """Of the class that a file's own model_type names."""
        name = values.get("model_type")
        return cls(name if isinstance(name, str) else None)

    @functools.cached_property
    def _record(self) -> ClassRecord:
        return class_record(self._name) if self._name is not None else {}

    def value(self, values: Mapping[str, Any], key: str) -> Any:
        """What `key` is to vLLM where the section's `values` do not have it; None: nothing."""
        for record in self._records(values):
            found = _under_another_name(record, values, key)
            if found is None:
                found = self._filled(record, values, key)
            if found is not None:
                return found
        return None

    def is_alias(self, key: str) -> bool:
        """Whether the class knows `key` under another name."""
        return key in self._record.get("aliases", ())

    def is_derived(self, key: str, other: str) -> bool:
        """Whether the class computes `key` from `other`, which is then no second name of it."""
        rule = self._record.get("rules", {}).get(key, "")
        return other in rule.split() and rule != other

    def section(self, key: str, values: Mapping[str, Any]) -> ClassDefaults:
        """Of the class that reads the section `key` with these values."""
        stated, record = ClassDefaults.of(values), self._record
        if not record:
            return stated
        name, follows = record.get("sections", {}).get(key, (None, False))
        return stated if follows and "model_type" in values else ClassDefaults(name)

    def absent_section(self, key: str) -> dict[str, Any] | None:
        """What the class puts in the place of a section that the file does not have; None: nothing."""
        found = self._record.get("absent", {}).get(key)
        return None if found is None else dict(found)

    def differing(self, keys: Sequence[str]) -> str:
        """Why a missing key takes no default, in words: its own, or that of a key it follows from, is not one value.
        Empty where its class has none."""
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
    """Under the other name that the class has for it."""
    aliases = record.get("aliases", {})
    names = [aliases[key]] if key in aliases else [name for name, own in aliases.items() if own == key]
    return next((values[name] for name in names if values.get(name) is not None), None)


@functools.cache
def _classes() -> str:
    """The part of the file that has one class a line."""
    text = FILE.read_text(encoding="utf-8")
    return text[text.index('"classes":{') + len('"classes":{') :]


def evaluated(formula: str, value_of: Callable[[str], Any]) -> Any:
    """A rule: `KEY`, `KEY // KEY`, `KEY * KEY`, either with a number on one side, `FLAG ? NUMBER`, or `len KEY KEY`
    (entries of the first that is there), of the section's other keys; or `SECTION.KEY`. None where those are missing
    or of another kind."""
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
    """A list with one entry per layer, from [the kinds that repeat, the last layer's kind where that breaks them, the
    key that says after how many layers they repeat, keys whose null changes it all].

    None where these keys say nothing, or something that no class takes."""
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
