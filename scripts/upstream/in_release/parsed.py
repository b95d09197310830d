"""The result of vLLM's own parser for a command line, as plain data.

{"values": {...}} of the given flags, or {"refused": [kind, ...]}: "unknown" with the unrecognized words;
"ambiguous" with the flags it may mean; "expected", "takes no value", "choice" or "value" with the flag's
first name; "help"; "model missing", "config file" or "crash" for errors of vLLM's code, not argparse.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

Answer = dict[str, Any]

ARGUMENT = re.compile(r"argument (?P<flag>\S+?)(?:/\S+)?: (?P<why>.*)", re.DOTALL)
WHYS = (
    (re.compile(r"expected (one|at most|at least|\d)"), "expected"),
    (re.compile(r"ignored explicit argument"), "takes no value"),
    (re.compile(r"invalid choice"), "choice"),
)


class Answers:
    """Runs a parser; results contain only the given values, never defaults."""

    def __init__(self, parser: Any, serve: Any, refused: type[Exception]) -> None:
        self._parser, self._serve, self._refused = parser, serve, refused
        arg_utils = importlib.import_module("vllm.engine.arg_utils")
        expand = getattr(arg_utils, "_expand_json_human_readable_numbers", lambda text: text)
        for action in serve._actions:
            action.default = argparse.SUPPRESS
            if "parse_dataclass" in _function_names(action.type):
                action.type = _keeping_json(action.type, expand)

    def __call__(self, words: Sequence[str]) -> Answer:
        """vLLM's result for `serve ...` after `vllm`, or for the words after its server module."""
        parser = self._parser if words[:1] == ["serve"] else self._serve
        try:
            found = parser.parse_args(list(words))
        except self._refused as why:
            return {"refused": _refusal(str(why))}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the error of vLLM's own parser is the result
            return {"refused": _failure(error)}
        values = {name: value for name, value in vars(found).items() if name != "subparser"}
        return {"values": json.loads(json.dumps(values, default=_plain))}


def _function_names(function: Any) -> list[str]:
    names = []
    while function is not None:
        names.append(getattr(function, "__name__", ""))
        inner = (
            getattr(function, "__closure__", None) if names[-1] in ("_optional_type", "_parse_type") else None
        )
        function = inner[0].cell_contents if inner else None
    return names


def _keeping_json(read: Callable[[str], Any], expand: Callable[[str], str]) -> Callable[[str], Any]:
    """Validate as vLLM does, but return the given value rather than the object that vLLM builds."""

    def kept(text: str) -> Any:
        return None if read(text) is None else json.loads(expand(text))

    return kept


def _refusal(message: str) -> list[str]:
    if message == "help":
        return ["help"]
    kind, _, rest = message.partition(": ")
    if kind == "unrecognized arguments":
        return ["unknown", rest]
    if kind == "ambiguous option":
        option, _, matches = rest.partition(" could match ")
        return ["ambiguous", option, *sorted(matches.split(", "))]
    found = ARGUMENT.fullmatch(message)
    if not found:
        return ["value", "--lora-modules"] if "for --lora-modules:" in message else ["other", message]
    what = next((what for pattern, what in WHYS if pattern.match(found["why"])), "value")
    return [what, found["flag"]]


def _failure(error: BaseException) -> list[str]:
    text = str(error)
    if "should be provided as the first positional" in text or text.startswith("No model specified"):
        return ["model missing"]
    if "onfig file" in text or isinstance(error, OSError):
        return ["config file"]
    return ["crash", type(error).__name__]


def _plain(value: Any) -> Any:
    if isinstance(value, set):
        return sorted(value)
    if dataclasses.is_dataclass(value):
        given = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {
            field.name: given[field.name]
            for field in dataclasses.fields(value)
            if given[field.name] != field.default
        }
    return str(value)
