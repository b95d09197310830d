"""Whether words are the command of a vLLM server, and where its model and flags begin."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_CONTAINER_TOOLS = ("docker", "podman", "nerdctl")
_SIGNS = ("vllm", "python", "env", "=", *_CONTAINER_TOOLS)
_COMMAND_MODULE = "vllm.entrypoints.cli.main"
SERVER_MODULES = ("vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server")


def is_command(words: Sequence[str]) -> bool:
    """Whether the words are a command (environment prefixes and wrappers allowed) rather than a model and its flags."""
    rest = _without_environment(words)
    if len(rest) < len(words) or not rest:
        return bool(words)
    program = _program(rest[0])
    return program in ("vllm", *_CONTAINER_TOOLS) or _is_python(program) or start_of_flags(rest) is not None


def may_be_command(text: str) -> bool:
    """Whether one text of several words may be a command; False only where no reading of it could be."""
    return len(text.split()) > 1 and any(sign in text for sign in _SIGNS)


def start_of_flags(words: Sequence[str]) -> int | None:
    """Where model and flags begin, after `vllm serve` or `python -m vllm.entrypoints.openai.api_server` at any position
    (after `nohup`, `uv run`, `numactl ...`); None if no server is started."""
    for at, word in enumerate(words):
        program, after = _program(word), words[at + 1 : at + 3]
        if program == "vllm" and after[:1] == ["serve"]:
            return at + 2
        if _is_python(program) and (behind := _behind_module(words, at + 1)) is not None:
            return behind
    return None


def _behind_module(words: Sequence[str], at: int) -> int | None:
    """Where a server module's flags begin, behind Python's own options (`-u`, `-X dev`); None for another program."""
    while at < len(words) and words[at].startswith("-") and words[at] != "-m":
        at += 2 if words[at] in ("-X", "-W") else 1
    module = words[at + 1] if words[at : at + 1] == ["-m"] and at + 1 < len(words) else ""
    if module == _COMMAND_MODULE and words[at + 2 : at + 3] == ["serve"]:
        return at + 3
    if module in SERVER_MODULES:
        return at + 2
    is_file = words[at : at + 1] and words[at].endswith("vllm/entrypoints/openai/api_server.py")
    return at + 1 if is_file else None


def _program(word: str) -> str:
    return word.rsplit("/", 1)[-1]


def _is_python(program: str) -> bool:
    return re.fullmatch(r"python[\d.]*", program) is not None


def _without_environment(words: Sequence[str]) -> list[str]:
    rest = list(words)
    if rest[:1] == ["env"]:
        rest = rest[1:]
    while rest and _ASSIGNMENT.match(rest[0]):
        rest = rest[1:]
    return rest
