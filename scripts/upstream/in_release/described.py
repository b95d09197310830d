"""An argparse parser of vLLM as plain data: each flag's names, number and kind of values, and default.

A kind is one word (`int`, `human_int`, `json`, `config:CompilationConfig`, ...), followed by `?` if "" and
"None" mean None. Kinds are recognised by name or, for anonymous functions, by behaviour. An unknown kind
stops the script; add it to the package's `sources/vllm_cli/values.py` first.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import json
import sys
from collections.abc import Callable
from typing import Any

from config_shapes import shape

NAMED_KINDS = {
    "str": "str",
    "int": "int",
    "float": "float",
    "loads": "json",
    "human_readable_int": "human_int",
    "human_readable_int_or_auto": "human_int_or_auto",
    "union_dict_and_str": "json_or_str",
    "parse_reasoning_parser": "none_is_empty",
}
BY_BEHAVIOUR: dict[str, Callable[[Any], bool]] = {
    "snake_case": lambda read: read("A-b_C") == "a_b_c",
    "comma_list": lambda read: read("0, GPU-1") == [0, "GPU-1"],
}
"""Tests for the kinds of anonymous functions: true if the function is of that kind."""

ACTIONS = {
    "_StoreAction": "store",
    "_StoreTrueAction": "true",
    "_AppendAction": "append",
    "_HelpAction": "help",
    "BooleanOptionalAction": "bool",
    "EnableDisableAction": "bool",
    "LoRAParserAction": "lora",
    "DeprecatedLogConfigFileAction": "store",
}

Record = dict[str, Any]


def described(parser: Any) -> Record:
    """Flags in the order in which vLLM adds them, and the shapes of their configuration classes."""
    configs: dict[str, Any] = {}
    flags = [_flag(parser, action, configs) for action in parser._actions if action.option_strings]
    return {"flags": flags, "configs": configs}


def _flag(parser: Any, action: Any, configs: dict[str, Any]) -> Record:
    names = [name for name, owner in parser._option_string_actions.items() if owner is action]
    kind = ACTIONS.get(type(action).__name__)
    if kind is None:
        raise SystemExit(f"{names[0]}: {type(action).__name__} is an action that is not known here")
    record: Record = {"names": names, "dest": action.dest, "action": kind}
    if kind == "bool":
        record["off"] = [name for name in names if _is_off(action, name)]
    if kind in ("store", "append", "lora"):
        record["kind"] = _kind(action.type, names[0], configs)
        if action.nargs is not None:
            record["nargs"] = action.nargs
        if action.nargs == "?":
            record["const"] = action.const
        if action.choices is not None:
            record["choices"] = list(action.choices)
    if kind == "lora":
        adapter = sys.modules[type(action).__module__].LoRAModulePath
        record["fields"] = {field.name: _is_required(field) for field in dataclasses.fields(adapter)}
    if kind != "help":
        record["default"] = _plain(action.default)
    if action in parser._deprecated or "is deprecated" in (action.help or ""):
        record["deprecated"] = True
    return record


def _is_required(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _is_off(action: Any, name: str) -> bool:
    target = type("Values", (), {})()
    action(None, target, [], name)
    return getattr(target, action.dest) is False


def _kind(function: Any, flag: str, configs: dict[str, Any]) -> str:
    if function is None:
        return "str"
    name = getattr(function, "__name__", "")
    if name in ("_optional_type", "_parse_type"):
        inner = _kind(function.__closure__[0].cell_contents, flag, configs)
        return f"{inner}?" if name == "_optional_type" else inner
    if name == "parse_dataclass":
        (config,) = function.__defaults__
        configs[config.__name__] = shape(config)
        return f"config:{config.__name__}"
    if name in NAMED_KINDS:
        return NAMED_KINDS[name]
    for kind, matches in BY_BEHAVIOUR.items():
        if matches(function):
            return kind
    raise SystemExit(f"{flag}: {name or function!r} is a kind of value that is not known here")


def _plain(value: Any) -> Any:
    """The default as JSON; an object of a vLLM class as {"object": class}."""
    if value == argparse.SUPPRESS:
        return None
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, type) or dataclasses.is_dataclass(value):
        return {"object": getattr(value, "__name__", type(value).__name__)}
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return {"object": type(value).__name__}
