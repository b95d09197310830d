"""Typed, bounded access to one JSON object of a config.json; every error is one line with the key's path."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config.class_defaults import ClassDefaults

LARGEST_SIZE = 1 << 40
"""No published model has a dimension near 2^40; a file with a larger one is corrupt."""

LARGEST_FLOAT = 1e15
"""No published rope base or scaling factor is near this; a larger one times a length overflows."""

MOST_PARAMETERS = 10**18
"""A million times those of the largest published model: each size may be meant, their product not."""

_ABSENT = object()


class ConfigReader:
    """One JSON object (`config.json` or a nested `text_config`), named for error messages.

    A key given as null counts as absent. Several names may be passed for one fact; the first one present is
    used. If none is present, the default of the section's configuration class is used.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        name: str = "config.json",
        path: str = "",
        defaults: ClassDefaults | None = None,
    ) -> None:
        """`defaults`: those of the section's class, by default of the class its model_type names."""
        self.values = values
        self.name = name
        self.path = path
        self.defaults = ClassDefaults.of(values) if defaults is None else defaults

    def _where(self, key: str) -> str:
        return f"{self.name}: {self.path}{key}"

    def _find(self, keys: tuple[str, ...]) -> tuple[str, Any]:
        for key in keys:
            value = self.values.get(key)
            if value is not None:
                return self._unless_derived(keys[0], key, value)
        for key in sorted(keys, key=self.defaults.is_alias):  # the class's own names before its aliases
            value = self.defaults.value(self.values, key)
            if value is not None:
                return key, value
        return keys[0], _ABSENT

    def _unless_derived(self, asked: str, key: str, value: Any) -> tuple[str, Any]:
        """The value given as `key`, or what the class computes from it for the key asked for."""
        if asked != key and self.defaults.is_derived(asked, key):
            return asked, self.defaults.value(self.values, asked)
        return key, value

    def has(self, *keys: str) -> bool:
        return self._find(keys)[1] is not _ABSENT

    def raw(self, *keys: str) -> Any:
        """The unvalidated value; None if absent."""
        value = self._find(keys)[1]
        return None if value is _ABSENT else value

    def optional_int(self, *keys: str, minimum: int = 0, maximum: int = LARGEST_SIZE) -> int | None:
        key, value = self._find(keys)
        if value is _ABSENT:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadInputError(f"{self._where(key)} must be a whole number, got {_short(value)}")
        if not minimum <= value <= maximum:
            raise BadInputError(f"{self._where(key)} must be between {minimum} and {maximum}, got {value}")
        return value

    def int(
        self, *keys: str, default: int | None = None, minimum: int = 0, maximum: int = LARGEST_SIZE
    ) -> int:
        value = self.optional_int(*keys, minimum=minimum, maximum=maximum)
        if value is not None:
            return value
        if default is None:
            raise BadInputError(
                f"{self._where(keys[0])} is missing: this architecture needs it{self.defaults.differing(keys)}"
            )
        return default

    def float(self, *keys: str, default: float) -> float:
        key, value = self._find(keys)
        if value is _ABSENT:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -math.inf < value < math.inf:
            raise BadInputError(f"{self._where(key)} must be a number, got {_short(value)}")
        if abs(value) > LARGEST_FLOAT:
            raise BadInputError(f"{self._where(key)} must be at most {LARGEST_FLOAT:g}, got {_short(value)}")
        return float(value)

    def bool(self, *keys: str, default: bool) -> bool:
        key, value = self._find(keys)
        if value is _ABSENT:
            return default
        if not isinstance(value, bool):
            raise BadInputError(f"{self._where(key)} must be true or false, got {_short(value)}")
        return value

    def optional_str(self, *keys: str) -> str | None:
        key, value = self._find(keys)
        if value is _ABSENT:
            return None
        if not isinstance(value, str):
            raise BadInputError(f"{self._where(key)} must be a string, got {_short(value)}")
        return value

    def optional_list(self, *keys: str) -> Sequence[Any] | None:
        key, value = self._find(keys)
        if value is _ABSENT:
            return None
        if not isinstance(value, list):
            raise BadInputError(f"{self._where(key)} must be a list, got {_short(value)}")
        return value

    def optional_section(self, *keys: str) -> ConfigReader | None:
        """A nested object; None if absent."""
        key, value = self._find(keys)
        if value is _ABSENT:
            found = next((key for key in keys if self.defaults.absent_section(key) is not None), None)
            if found is None:
                return None
            key, value = found, self.defaults.absent_section(found)
        if not isinstance(value, dict):
            raise BadInputError(f"{self._where(key)} must be an object, got {_short(value)}")
        return ConfigReader(value, self.name, f"{self.path}{key}.", self.defaults.section(key, value))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
