"""The flags of `vllm serve` that change GPU memory, and their help in `costmeter check --help`."""

from __future__ import annotations

import argparse

from vllm_costmeter.core.engine.args import FLAGS, LAYOUT_FLAGS

MEMORY_FLAGS = (*LAYOUT_FLAGS, *FLAGS)


def describe_flags(parser: argparse.ArgumentParser) -> None:
    """Show the flags in the parser's help. `read.py` reads them, and all others of `vllm serve`."""
    memory = parser.add_argument_group("flags of vllm serve that change GPU memory (same names and meanings)")
    start = parser.add_argument_group("flags of vllm serve that decide whether it starts")
    for flag in MEMORY_FLAGS:
        group = memory if flag.changes_memory else start
        names = [f"--{flag.name}", *([flag.short] if flag.short else [])]
        if flag.kind == "switch":
            group.add_argument(*names, action=argparse.BooleanOptionalAction, help=flag.help)
        else:
            metavar = "N" if flag.kind in ("whole", "wholes", "length") else "VALUE"
            group.add_argument(
                *names, nargs="+" if flag.kind == "wholes" else None, help=flag.help, metavar=metavar
            )
