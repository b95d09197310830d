"""The values of a command line as a frozen dataclass: past it, no function takes an `argparse.Namespace`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any, TypeVar

from vllm_costmeter.core.dataclass import fields
from vllm_costmeter.core.errors import BadInputError

Flags = TypeVar("Flags")


def typed(kind: type[Flags], args: argparse.Namespace, **built: Any) -> Flags:
    """A `kind` (a dataclass) of the arguments named as its fields, and of those `built` from several."""
    names = [each.name for each in fields(kind) if each.name not in built]  # type: ignore[arg-type]
    return kind(**{name: getattr(args, name) for name in names}, **built)


def given(flags: object, names: Iterable[str]) -> list[str]:
    """Those of `names` that have a value, as they are spelt on a command line."""
    return [f"--{name.replace('_', '-')}" for name in names if getattr(flags, name) is not None]


def reject_flags(flags: object, names: Iterable[str], why: str) -> None:
    """BadInputError that says why the first of these flags is out of place; nothing where none was given."""
    for flag in given(flags, names):
        raise BadInputError(f"{flag} {why}")
