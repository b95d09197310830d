"""Express the sizes of a model by keys of its config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KNOWN = {
    "hidden_size": "hidden",
    "vocab_size": "source.vocab_size",
    "intermediate_size": "source.intermediate_size",
    "num_attention_heads": "source.num_heads",
    "num_key_value_heads": "source.num_kv_heads",
    "head_dim": "source.head_size()",
    "max_position_embeddings": "source.max_position",
}
COMMON = ("source.num_heads", "source.num_kv_heads", "source.head_size()")
"""The keys that `attention()` reads itself."""
_SMALLEST = 3
"""Smaller numbers are ambiguous: many keys have them."""


class Sizes:
    """The most likely source of a number; `guesses` collects the choices left to the reader."""

    def __init__(self, text: Mapping[str, Any]) -> None:
        self._all = {key: value for key, value in text.items() if type(value) is int}
        plain = {key: value for key, value in self._all.items() if value >= _SMALLEST}
        ordered = sorted(
            plain, key=lambda key: (list(_KNOWN).index(key) if key in _KNOWN else len(_KNOWN), key)
        )
        self._keys: dict[int, list[str]] = {}
        for key in ordered:
            self._keys.setdefault(plain[key], []).append(key)
        self.guesses: dict[str, None] = {}

    def text(self, number: int, likely: str = "") -> str:
        """A key, two to four times a key, a product or sum of two keys, or the number itself. `likely`: a
        word in the expected key."""
        hinted = [key for key, value in self._all.items() if value == number and likely and likely in key]
        if hinted:
            return self._named(hinted[0])
        if number in self._keys:
            return self._key(number)
        for factor in (2, 3, 4):
            if number % factor == 0 and number // factor in self._keys:
                return f"{factor} * {self._key(number // factor)}"
        for one in self._keys:
            if number % one == 0 and number // one in self._keys:
                self.guesses[f"{number} may be {self._key(one)} * {self._key(number // one)}"] = None
                return f"{self._key(one)} * {self._key(number // one)}"
        for one in self._keys:
            if number - one in self._keys:
                self.guesses[f"{number} may be {self._key(one)} + {self._key(number - one)}"] = None
                return f"{self._key(one)} + {self._key(number - one)}"
        if number >= _SMALLEST:
            self.guesses[f"{number} is no value of the file"] = None
        return str(number)

    def _key(self, number: int) -> str:
        keys = self._keys[number]
        if len(keys) > 1:
            self.guesses[f"{number} is {' and '.join(keys)}"] = None
        return self._named(keys[0])

    def _named(self, key: str) -> str:
        return _KNOWN.get(key, f'text.int("{key}", minimum=1)')
