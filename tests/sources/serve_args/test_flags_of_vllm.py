"""The flag tables against the installed vLLM's own parser."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import pytest
from required_tool import missing

from vllm_costmeter.sources.serve_args.flags import add_serve_flags

PRINT_FLAGS = """
import json
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser())
print(json.dumps([[action.option_strings, action.nargs] for action in parser._actions if action.option_strings]))
"""
OWN = {"--model", "--config", "--help", "--costmeter-gpu"}  # declared by the command beside the tables


@pytest.mark.heavy
def test_every_flag_of_the_installed_vllm_is_known() -> None:
    """A production command is never refused for a flag that vLLM takes, and each takes as many values as there."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_FLAGS], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        missing(f"no vLLM with this parser is installed: {done.stderr[-300:]}")
    ours = argparse.ArgumentParser()
    add_serve_flags(ours)
    known = ours._option_string_actions
    flags = [
        (names, nargs) for names, nargs in json.loads(done.stdout.splitlines()[-1]) if not OWN & set(names)
    ]
    assert [names for names, _ in flags if not set(names) & set(known)] == []
    for names, nargs in flags:
        name = next(name for name in names if name in known)
        assert (known[name].nargs == 0) == (nargs == 0), name
