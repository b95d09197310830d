"""The parser's flags of `vllm serve`: same names, short forms and meanings, underscores and dotted JSON included."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from vllm_costmeter.core.engine.args import FLAGS, LAYOUT_FLAGS, SPECULATIVE_PARTS
from vllm_costmeter.core.engine.flags import Kind
from vllm_costmeter.sources.serve_args.flag_values import gibibytes, json_object, length, share, whole

MEMORY_FLAGS = (*LAYOUT_FLAGS, *FLAGS)
READERS: Mapping[Kind, Callable[[str], Any]] = {
    "whole": whole,
    "wholes": whole,
    "length": length,
    "share": share,
    "gibibytes": gibibytes,
    "text": str,
    "object": json_object,
    "limits": json_object,
}
"""A switch is read by its presence."""

KEPT_FLAGS = frozenset({"revision", "hf-token", "device-ids"})
"""Flags that do not affect memory but are read: the checkpoint's revision, the Hub token, this machine's GPUs."""

UNMODELLED = "unmodelled_"
"""Prefix of the attributes that hold the values of flags whose effect is not modelled."""
UNMODELLED_CACHE_FLAGS = ("mamba-cache-mode", "mamba-block-size", "kv-cache-dtype-skip-layers")
"""Those of them that belong to the KV cache: a release may lack them."""

_READ_LATER = ("revision", "hf_token", "device_ids", "spread", "backends")
"""Attributes of flags that are declared when they are given."""

Declare = Callable[[argparse.ArgumentParser], None]


def add_serve_flags(
    parser: argparse.ArgumentParser, later: Callable[[str, Declare], None] | None = None
) -> None:
    """Declare every flag of `vllm serve`: those that change memory with help, the rest silently.

    `later(prefix, declare)`: for a parser that declares the rest when a flag with that prefix is used.
    """
    group = parser.add_argument_group("flags of vllm serve that change GPU memory (same names and meanings)")
    for flag in MEMORY_FLAGS:
        names = [f"--{flag.name}", *([flag.short] if flag.short else [])]
        if flag.name == "gpu-memory-utilization":
            names.append("--device-memory-utilization")
        if flag.kind == "switch":
            group.add_argument(*names, action=argparse.BooleanOptionalAction, help=flag.help, dest=flag.field)
        else:
            group.add_argument(
                *names,
                type=READERS[flag.kind],
                nargs="+" if flag.kind == "wholes" else None,
                help=flag.help,
                dest=flag.field,
                metavar="N" if READERS[flag.kind] in (whole, length) else "VALUE",
            )
    parser.set_defaults(nnodes=1, **dict.fromkeys(_READ_LATER))
    if later is None:
        _add_settings(parser)
        _add_the_rest(parser)
    else:
        later("--costmeter", _add_settings)
        later("-", _add_the_rest)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """The server's own flags, which decide nothing here."""
    from vllm_costmeter.core.settings.table import SETTINGS

    for setting in SETTINGS:
        if setting.key != "gpu":
            _add_silently(parser, setting.flag, "ignored", None)


def _add_the_rest(parser: argparse.ArgumentParser) -> None:
    from vllm_costmeter.sources.serve_args.flag_names import (
        BACKEND_FLAGS,
        ONE_VALUE,
        SEVERAL_VALUES,
        SPREAD_FLAGS,
        SWITCHES,
        UNMODELLED_ONE_VALUE,
        UNMODELLED_SEVERAL_VALUES,
        UNMODELLED_SWITCHES,
    )

    for name in ("plugin", "costmeter-config"):
        _add_silently(parser, _dashed(name), "ignored", None)
    for name in UNMODELLED_ONE_VALUE:
        _add_silently(parser, f"--{name}", f"{UNMODELLED}{name}", None)
    for name in UNMODELLED_SEVERAL_VALUES:
        _add_silently(parser, f"--{name}", f"{UNMODELLED}{name}", "+")
    for name in UNMODELLED_SWITCHES:
        _add_silently(parser, f"--{name}", f"{UNMODELLED}{name}", 0)
    for name in ONE_VALUE:
        kept = name in KEPT_FLAGS
        _add_silently(parser, _dashed(name), name.replace("-", "_") if kept else "ignored", None)
    for name in SPECULATIVE_PARTS:
        reader = whole if name == "spec_tokens" else str
        parser.add_argument(f"--{name.replace('_', '-')}", type=reader, dest=name, help=argparse.SUPPRESS)
    parser.add_argument("--nnodes", "-n", type=whole, default=1, help=argparse.SUPPRESS)
    for name in SPREAD_FLAGS | BACKEND_FLAGS:
        dest = "spread" if name in SPREAD_FLAGS else "backends"
        parser.add_argument(_dashed(name), action="append", dest=dest, help=argparse.SUPPRESS)
    for name in SEVERAL_VALUES:
        _add_silently(parser, _dashed(name), "ignored", "+")
    for name in SWITCHES:
        _add_silently(parser, _dashed(name), "ignored", 0)


def _dashed(name: str) -> str:
    return name if name.startswith("-") else f"--{name}"


def _add_silently(parser: argparse.ArgumentParser, name: str, dest: str, nargs: str | int | None) -> None:
    if nargs == 0:
        names = [name, f"--no-{name[2:]}"] if name.startswith("--") else [name]
        parser.add_argument(*names, action="store_true", dest=dest, help=argparse.SUPPRESS)
    else:
        parser.add_argument(name, nargs=nargs, dest=dest, help=argparse.SUPPRESS)
