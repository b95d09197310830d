"""For a model without rules: which published configuration its own is nearest to, and which keys differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.sources.models.packaged_configs import packaged_configs

MOST_KEYS = 6
LEAST_SHARED = 5
"""Sizes in common below which no configuration is near."""
_TEXT = ("text_config", "llm_config", "language_config", "thinker_config")
_NOT_SIZES = (
    "_token_id",
    "_token_index",
    "_version",
    "_dropout",
    "_range",
    "dropout",
    "_eps",
    "_epsilon",
    "_theta",
)


def nearest_configuration(values: Mapping[str, Any]) -> str | None:
    """One line that names the packaged model whose sizes have the most names in common, and the keys that only one of
    the two states; None if none is near."""
    own = _sizes(values)
    rated = [
        (_likeness(own, found), each, found) for each in packaged_configs() if (found := _sizes(each.config))
    ]
    likeness, each, found = max(rated, key=lambda one: (one[0], one[1].repository))
    if likeness == 0 or len(own & found) < LEAST_SHARED:
        return None
    architecture = ", ".join(map(str, each.config.get("architectures", ()))) or each.repository
    parts = [f"its config.json is most like that of {each.repository} ({architecture})"]
    if own - found:
        parts.append(f"it also states {_listed(own - found)}")
    if found - own:
        parts.append(f"it does not state {_listed(found - own)}")
    return "; ".join(parts)


def _sizes(values: Mapping[str, Any]) -> frozenset[str]:
    """Keys of the language model with a number, a switch or a list: what may decide a size."""
    text = next((values[key] for key in _TEXT if isinstance(values.get(key), Mapping)), values)
    return frozenset(
        str(key)
        for key, value in text.items()
        if isinstance(value, int | float | list)
        and not str(key).endswith(_NOT_SIZES)
        and key != "architectures"
    )


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Keys in common, as a share of those of either."""
    return len(one & other) / len(one | other)


def _listed(keys: frozenset[str]) -> str:
    shown = sorted(keys)[:MOST_KEYS]
    return ", ".join(shown) + (f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else "")
