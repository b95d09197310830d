"""Words of a server that hold a placeholder: which of them decide, and which can be left aside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.interpolation import REQUIRED
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_]\w*|\{\{.*?\}\}|<[A-Za-z][\w. -]*>")
_VARIABLE = re.compile(r"\$\(([A-Za-z_]\w*)\)|\$\{?([A-Za-z_]\w*)\}?")
_DECIDING = {
    "model",
    "revision",
    "config",
    "hf_overrides",
    *(flag.field for flag in MEMORY_FLAGS if flag.kind != "switch"),
}
"""Arguments whose value affects the result."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The words of a command line that can be read."""

    words: tuple[Word, ...]
    """Without the numbers that are not known and decide nothing; a text stands as its placeholder."""
    open_values: tuple[tuple[Word, str], ...] = ()
    """Words whose placeholder decides something, and one line on each."""
    notes: tuple[str, ...] = ()
    """One line on each flag that was left out."""


def settled(words: Sequence[Word]) -> Settled:
    """Words after `vllm serve`, with what is not known of them."""
    known = flag_table().at()
    kept: list[Word] = []
    faults: list[tuple[Word, str]] = []
    notes: list[str] = []
    name, flag, start, has_model = "", None, 0, False
    for word in words:
        is_flag = word.text.startswith("-")
        value, is_complete = word.text, flag is None or flag.nargs != "+"
        if is_flag:
            name, equals, value = word.text.partition("=")
            name, start = name.replace("_", "-"), len(kept)
            flag = known.named(name)
            is_complete = bool(equals) or (flag is not None and not flag.takes_value)
        kept.append(word)
        found = _placeholder_in(value, word)
        if found and (not name or flag is None or flag.dest in _DECIDING):
            faults.append((word, _fault(found, _what(name, word, has_model=has_model))))
        elif found and flag is not None and flag.kind != "str":
            del kept[start:]
            notes.append(f"{name} {found} is not known, and does not change the memory")
            name, flag = "", None
            continue
        has_model = has_model or not name or name == "--model"
        if is_complete:
            name, flag = "", None
    return Settled(tuple(kept), tuple(faults), tuple(notes))


def placeholder(words: Sequence[Word]) -> tuple[Word, str] | None:
    """The first word whose placeholder decides something, and what it stands for."""
    return next(iter(settled(words).open_values), None)


def remedy(found: Sequence[tuple[Word, str]]) -> str:
    """All of them in one line, with what to do."""
    texts = dict.fromkeys(text for _, text in found)
    names = dict.fromkeys(name for word, text in found for name in _names(word, text))
    first = next(iter(names), None)
    what = "render the file or fill in the value"
    return f"{'; '.join(texts)}: {what if first is None else f'{what}, or add --set {first}=VALUE'}"


def _names(word: Word, text: str) -> list[str]:
    match = _VARIABLE.match(text)
    name = None if match is None else match[1] or match[2]
    return [] if name is None else [name]


def _placeholder_in(value: str, word: Word) -> str | None:
    found = _PLACEHOLDER.search(value)
    return word.unknown[0] if word.unknown and word.unknown[0] in word.text else found[0] if found else None


def _fault(found: str, what: str) -> str:
    name = found.removeprefix("${").removesuffix("}").removesuffix(REQUIRED)
    is_required = found.endswith(f"{REQUIRED}}}")
    return (
        f"${name} is required and not set, for {what}"
        if is_required
        else f"{found} is a placeholder for {what}"
    )


def _what(name: str, word: Word, *, has_model: bool) -> str:
    if name:
        return name
    return "more words" if has_model else "the model"
