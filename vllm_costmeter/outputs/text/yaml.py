"""YAML without a YAML library: mappings, lists and scalars, for rule files and Kubernetes objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_:]*[A-Za-z0-9_])?|[0-9]+[smhd]|[a-z0-9.]+/v[0-9]+")
"""Text that needs no quotes; everything else is quoted as JSON, which is valid YAML."""
WORDS_OF_YAML = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Plain, they would be read as something other than text (YAML 1.1, which Kubernetes and Prometheus read)."""
IN_BLOCKS = frozenset({"expr"})
"""Keys whose text is a block even on one line: PromQL is read as it runs, without quotes."""


def as_yaml(document: Mapping[str, object]) -> str:
    """One document; deterministic, keys in the given order. Text of several lines is a block."""
    return "".join(f"{line}\n" for line in _mapping(document))


def _mapping(fields: Mapping[str, object]) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, Mapping | list | tuple) and value:
            yield f"{name}:"
            lines = _mapping(value) if isinstance(value, Mapping) else _sequence(value)
            yield from (f"  {line}" if line else "" for line in lines)
        elif isinstance(value, str) and _is_block(name, value):
            yield f"{name}: {'|' if value.endswith(chr(10)) else '|-'}"
            yield from (f"  {line}" if line else "" for line in value.splitlines())
        else:
            yield f"{name}: {_scalar(value)}"


def _sequence(items: Sequence[object]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Mapping) and item:
            first, *others = _mapping(item)
            yield f"- {first}"
            yield from (f"  {line}" if line else "" for line in others)
        else:
            yield f"- {_scalar(item)}"


def _is_block(name: str, value: str) -> bool:
    """A block cannot begin with white space or end in an empty line; such text is quoted."""
    awkward = not value or value[0].isspace() or value.endswith("\n\n")
    return not awkward and (name in IN_BLOCKS or "\n" in value.rstrip("\n"))


def _scalar(value: object) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS_OF_YAML:
        return value
    return json.dumps(value, ensure_ascii=False)
