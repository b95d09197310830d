"""The values that vLLM's own flags would have refused: a plan from Python, or JSON in a flag, may hold anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError

LARGEST = 1 << 50
"""Beyond any context, batch or memory."""
MOST_SPECULATIVE_TOKENS = 1 << 10


def reject_wrong_values(engine_args: EngineArgs) -> None:
    """BadInputError with the first argument that is not of its kind, or is out of range."""
    for part in (engine_args.layout, engine_args):
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name != "layout" and not (value is None and "None" in str(field.type)):
                _reject(field.name, value, str(field.type).removesuffix(" | None"))
    if engine_args.cpu_offload_gb < 0:
        raise BadInputError(f"cpu_offload_gb must be 0 or more, got {engine_args.cpu_offload_gb}")
    for name, limit in (engine_args.limit_mm_per_prompt or {}).items():
        if not ((type(limit) is int and 0 <= limit <= LARGEST) or isinstance(limit, Mapping)):
            raise BadInputError(
                f"limit_mm_per_prompt of {name!r:.40} must be a whole number, got {limit!r:.80}"
            )
    method = (engine_args.speculative_config or {}).get("method")
    if not isinstance(method, str | None):
        raise BadInputError(f"the method of speculative_config must be text, got {method!r:.80}")
    tokens = (engine_args.speculative_config or {}).get("num_speculative_tokens")
    if tokens is not None and not (type(tokens) is int and 0 < tokens <= MOST_SPECULATIVE_TOKENS):
        raise BadInputError(
            f"num_speculative_tokens must be a whole number from 1 to {MOST_SPECULATIVE_TOKENS}, got {tokens!r:.80}"
        )


def _reject(name: str, value: Any, kind: str) -> None:
    wanted = {
        "int": "a whole number",
        "float": "a number",
        "bool": "True or False",
        "str": "text",
        "tuple[int, ...]": "whole numbers",
    }.get(kind, "a dictionary")
    if not _is(value, kind):
        raise BadInputError(f"{name} must be {wanted}, got {value!r:.80}")
    if kind == "int" and (
        value == 0 or not -1 <= value <= LARGEST or (value < 0 and name != "max_model_len")
    ):
        raise BadInputError(f"{name} must be between 1 and {LARGEST}, got {value}")


def _is(value: Any, kind: str) -> bool:
    if kind == "tuple[int, ...]":
        return isinstance(value, tuple) and all(_is(each, "int") and 0 < each <= LARGEST for each in value)
    if kind == "float":
        return type(value) in (int, float) and math.isfinite(value)
    plain = {"int": int, "bool": bool, "str": str}.get(kind)
    return isinstance(value, Mapping) if plain is None else type(value) is plain
