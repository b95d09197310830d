"""Converts an `argparse.Namespace` to a frozen dataclass, so that no other function needs the namespace."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any, TypeVar

from vllm_costmeter.core.dataclass import fields
from vllm_costmeter.core.errors import BadInputError

Flags = TypeVar("Flags")
NAMED_EMPTY = ("model", "gpu", "gpus", "quantizations", "region", "link", "api_model", "filter")
"""Whose readers say themselves what an empty one lacks; an empty filter lets everything pass."""


def typed(kind: type[Flags], args: argparse.Namespace, **built: Any) -> Flags:
    """A `kind` (a dataclass), filled from the arguments with its field names and from `built`.

    BadInputError for an empty text: in a script it is a variable that was not set, and no wish for the default.
    """
    names = [each.name for each in fields(kind) if each.name not in built]  # type: ignore[arg-type]
    for name in names:
        value = getattr(args, name)
        if isinstance(value, str) and not value.strip() and name not in NAMED_EMPTY:
            raise BadInputError(f"--{name.replace('_', '-')} is empty: give a value, or leave it out")
    return kind(**{name: getattr(args, name) for name in names}, **built)


def given(flags: object, names: Iterable[str]) -> list[str]:
    """Those of `names` that have a value, spelt as flags."""
    return [f"--{name.replace('_', '-')}" for name in names if getattr(flags, name) is not None]


def reject_flags(flags: object, names: Iterable[str], why: str) -> None:
    """BadInputError with `why` for the first of these flags that was given, if any."""
    for flag in given(flags, names):
        raise BadInputError(f"{flag} {why}")
