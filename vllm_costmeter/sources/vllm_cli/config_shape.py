"""Validate JSON against the fields of a vLLM configuration class, by pydantic's rules.

`{"of": {field: shape}}` allows no other field; "any" can only be validated by vLLM's own code. The shapes are
described in `scripts/upstream/in_release/config_shapes.py`.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.errors import nearest
from vllm_costmeter.sources.vllm_cli.refusal import shown

_BOUND = re.compile(r"(>=|<=|>|<)([-\d.]+)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TRUTHS = {"true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n"}
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "null": "null",
    "object": "an object",
}


def fault(shape: Any, value: Any, path: str) -> str | None:
    """One line, starting with the path, on why `value` does not match `shape`; None if it matches."""
    if isinstance(shape, list):
        if any(fault(one, value, path) is None for one in shape):
            return None
        objects = [one for one in shape if isinstance(one, dict) and "of" in one]
        if isinstance(value, dict) and objects:
            return fault(objects[0], value, path)
        return (
            f"{path}: must be {' or '.join(_expected(one) for one in shape)}, got {shown(json.dumps(value))}"
        )
    if isinstance(shape, dict) and "of" in shape and isinstance(value, dict):
        return _fields_fault(shape["of"], value, path)
    if isinstance(shape, dict) and "list" in shape and isinstance(value, list):
        faults = (fault(shape["list"], item, f"{path}[{number}]") for number, item in enumerate(value))
        return next((found for found in faults if found), None)
    if _is(shape, value):
        return None
    return f"{path}: must be {_expected(shape)}, got {shown(json.dumps(value))}"


def _fields_fault(fields: dict[str, Any], value: dict[str, Any], path: str) -> str | None:
    for name, inner in value.items():
        if name not in fields:
            return f"{path}: has no key {shown(name, quoted=True)}{nearest(name, fields)}"
        if found := fault(fields[name], inner, f"{path}.{name}"):
            return found
    return None


def _is(shape: Any, value: Any) -> bool:
    if shape == "any":
        return True
    if isinstance(shape, dict):
        if "values" in shape:
            return any(value == one and type(value) is type(one) for one in shape["values"])
        if not isinstance(value, str):
            return False
        word = value.replace("-", "_") if "dashes" in shape else value
        return word.casefold() in {name.casefold() for name in shape.get("names", ())}
    kind, bounds = _kind_and_bounds(shape)
    if kind in ("int", "float"):
        number = _number(value, whole=kind == "int")
        return number is not None and all(_COMPARE[sign](number, float(bound)) for sign, bound in bounds)
    if kind == "bool":
        return isinstance(value, bool) or value in (0, 1) or str(value).casefold() in _TRUTHS
    return {
        "str": isinstance(value, str),
        "null": value is None,
        "object": isinstance(value, dict),
    }[kind]


def _kind_and_bounds(shape: str) -> tuple[str, list[tuple[str, str]]]:
    """Split "int>=1<=9" into "int" and its bounds."""
    bounds = _BOUND.findall(shape)
    return _BOUND.sub("", shape), bounds


def _number(value: Any, *, whole: bool) -> float | None:
    """A number by pydantic's rules for JSON: true is 1, "3" is 3, and 3.0 is a whole number."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    return None if whole and value != value // 1 else value


def _expected(shape: Any) -> str:
    if isinstance(shape, str):
        kind, bounds = _kind_and_bounds(shape)
        limits = " and ".join(f"{sign} {bound}" for sign, bound in bounds)
        return f"{_WORDS[kind]}{f' {limits}' if limits else ''}"
    if "of" in shape:
        return "an object"
    if "list" in shape:
        return f"a list of {_expected(shape['list']) if isinstance(shape['list'], str | dict) else 'values'}"
    return f"one of {', '.join(str(one) for one in shape.get('values', shape.get('names', ())))}"
