"""Match layer names against the lists in a quantization config without comparing every entry with every layer:
exclusion lists name hundreds of layers individually."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError

_NESTED_REPEAT = re.compile(r"[*+}]\)[*+{]")
_LONGEST_PATTERN = 512
_INDEX = re.compile(r"(?:^|\.)(?:layers|blocks|h)\.(\d{1,4})(?![\d])")


@dataclass(frozen=True, slots=True)
class NameRules:
    """The entries of one list, sorted by layer index."""

    general: tuple[str, ...]
    by_layer: Mapping[int, tuple[str, ...]]
    open_ended: tuple[tuple[str, str], ...]
    """(digits, entry) if the entry ends with the index, so that it may also match longer indices."""
    each_layer_differs: bool
    """True if a regular expression contains digits: any layer may match differently."""

    def near(self, name: str) -> tuple[str, ...]:
        """The entries that can match `name`."""
        found = _INDEX.search(name)
        if found is None:
            own = [entry for entries in self.by_layer.values() for entry in entries]
            return (*self.general, *own, *(entry for _, entry in self.open_ended))
        digits = found.group(1)
        near = (*self.general, *self.by_layer.get(int(digits), ()))
        if self.open_ended:
            near += tuple(entry for start, entry in self.open_ended if digits.startswith(start))
        return near

    def layer_key(self, index: int) -> Hashable:
        """Equal for layers that the list treats the same."""
        if self.each_layer_differs:
            return index
        own = tuple(sorted(entry.replace(f".{index}.", ".#.", 1) for entry in self.by_layer.get(index, ())))
        text = str(index)
        return own, tuple(entry for start, entry in self.open_ended if text.startswith(start))


def name_rules(entries: Iterable[str]) -> NameRules:
    general: list[str] = []
    by_layer: dict[int, list[str]] = {}
    open_ended: list[tuple[str, str]] = []
    differs = False
    for entry in entries:
        if entry.startswith("re:"):
            general.append(entry)
            differs = differs or any(digit in re.sub(r"\\d|\{[^}]*\}", "", entry) for digit in "0123456789")
            continue
        found = _INDEX.search(entry)
        if found is None:
            general.append(entry)
        elif entry[found.end() : found.end() + 1] == ".":
            by_layer.setdefault(int(found.group(1)), []).append(entry)
        else:
            open_ended.append((found.group(1), entry))
    frozen = {index: tuple(names) for index, names in by_layer.items()}
    return NameRules(tuple(general), frozen, tuple(open_ended), differs)


def shard_names(name: str, fused_from: tuple[str, ...]) -> tuple[str, ...]:
    """The checkpoint's names of the projections that vLLM fuses into `name`; the name itself if it is not fused."""
    if not fused_from:
        return (name,)
    parent, _, own = name.rpartition(".")
    return tuple(f"{parent}.{part}" if parent else part for part in fused_from if own)


def expression(text: str) -> re.Pattern[str]:
    """Compiled once (`re` caches the last 512); an invalid expression is reported in one line."""
    if len(text) > _LONGEST_PATTERN or _NESTED_REPEAT.search(text):
        raise NotUnderstoodError(
            f"quantization_config: the expression {text[:60]!r} may take forever to match"
        )
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadInputError(
            f"quantization_config: {text[:60]!r} is not a regular expression: {error}"
        ) from None
