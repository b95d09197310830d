"""A whole `vllm serve ...` command line -> the words that matter to a parser of its flags."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
SERVER_MODULES = ("vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server")


def is_command(words: Sequence[str]) -> bool:
    """Whether words are a command (environment prefixes allowed) rather than a model and its flags."""
    rest = _without_environment(words)
    if not rest:
        return False
    program = rest[0].rsplit("/", 1)[-1]
    return program == "vllm" or bool(re.fullmatch(r"python[\d.]*", program))


def command_flags(words: Sequence[str]) -> list[str]:
    """Model and flags of `vllm serve MODEL ...` or `python -m vllm.entrypoints.openai.api_server ...`.

    BadInputError where the command starts something else than a server.
    """
    rest = [word for word in _without_environment(words) if word.strip() != "\\"]
    program = rest[0].rsplit("/", 1)[-1] if rest else ""
    if program == "vllm" and rest[1:2] == ["serve"]:
        return rest[2:]
    if program.startswith("python") and rest[1:2] == ["-m"] and rest[2:3] and rest[2] in SERVER_MODULES:
        return rest[3:]
    raise BadInputError(
        f"not a server command: {' '.join(rest[:2])!r}; give `-- vllm serve MODEL ...` "
        f"or `-- python -m {SERVER_MODULES[0]} --model MODEL ...`"
    )


def normalised(words: Sequence[str]) -> list[str]:
    """Flags as vLLM's parser reads them: underscores as dashes, `-O3`, and `--flag.key value` as JSON."""
    result: list[str] = []
    dotted: dict[str, dict[str, Any]] = {}
    pending = iter(words)
    for word in pending:
        if re.fullmatch(r"-O\.?[0-3]", word):
            result += ["--optimization-level", word[-1]]
            continue
        if not word.startswith("-") or word == "--":
            result.append(word)
            continue
        name, equals, value = word.partition("=")
        name, _, key = name.partition(".") if name.startswith("--") else (name, "", "")
        name = name if not name.startswith("--") else name.replace("_", "-")
        if key:
            text = value if equals else next(pending, "")
            _put(dotted.setdefault(name, {}), key.split("."), text)
        else:
            result.append(f"{name}={value}" if equals else name)
    for name, values in dotted.items():
        result += [name, json.dumps(values)]
    return result


def _put(target: dict[str, Any], path: list[str], text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    for key in path[:-1]:
        nested = target.setdefault(key, {})
        target = nested if isinstance(nested, dict) else {}
    target[path[-1]] = value


def _without_environment(words: Sequence[str]) -> list[str]:
    rest = list(words)
    if rest[:1] == ["env"]:
        rest = rest[1:]
    while rest and _ASSIGNMENT.match(rest[0]):
        rest = rest[1:]
    return rest
