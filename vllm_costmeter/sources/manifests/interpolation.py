"""Variables put into a text as Compose and systemd do: `$NAME`, `${NAME:-default}`, `${NAME:+other}`, `${NAME:?}`,
`$$`."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_]\w*")
REQUIRED = ":?"
"""Behind the name in a placeholder: the file demands a value."""
_DEEPEST = 20
_LONGEST = 1 << 17


def expand(text: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """The text with values put in; a variable without one remains as the placeholder that names it.

    `$$` is one dollar. A default may hold variables itself.
    """
    parts: list[str] = []
    at = size = 0
    while at < len(text) and size < _LONGEST:
        dollar = text.find("$", at)
        if dollar < 0:
            break
        parts.append(text[at:dollar])
        part, at = _one(text, dollar, variables, depth)
        parts.append(part)
        size += len(part)
    return "".join(parts) + text[at:]


def _one(text: str, at: int, variables: Mapping[str, str], depth: int) -> tuple[str, int]:
    """The value of what begins with the dollar at `at`, and where the text goes on."""
    if text.startswith("$$", at):
        return "$", at + 2
    plain = _NAME.match(text, at + 1)
    if plain is not None:
        value = variables.get(plain[0])
        return (text[at : plain.end()] if value is None else value), plain.end()
    end = _closing(text, at + 1) if text.startswith("${", at) else -1
    name = _NAME.match(text, at + 2) if end > 0 else None
    if name is None:
        return "$", at + 1
    whole = text[at : end + 1]
    operation = re.fullmatch(r"(:?[-?+])(.*)", text[name.end() : end], re.DOTALL)
    if operation is None:
        value = variables.get(name[0]) if name.end() == end else None
        return (whole if value is None else value), end + 1
    operator, operand = operation[1], operation[2]
    value = variables.get(name[0])
    is_set = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return (_operand(operand, variables, depth) if is_set else ""), end + 1
    if is_set and value is not None:
        return value, end + 1
    missing = f"${{{name[0]}{REQUIRED}}}"  # without its text, which may hold spaces
    return (_operand(operand, variables, depth) if operator.endswith("-") else missing), end + 1


def _operand(text: str, variables: Mapping[str, str], depth: int) -> str:
    return text if depth >= _DEEPEST else expand(text, variables, depth + 1)


def _closing(text: str, at: int) -> int:
    """The brace that closes the one at `at`; -1 without one."""
    depth = 0
    for number in range(at, min(len(text), at + 10_000)):
        if text[number] == "{":
            depth += 1
        elif text[number] == "}":
            depth -= 1
            if depth == 0:
                return number
    return -1
