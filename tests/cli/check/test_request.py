"""The command line of `costmeter check` is read once, at its door."""

from __future__ import annotations

import ast
from pathlib import Path

import vllm_costmeter.cli.check
from vllm_costmeter.cli.check.command import parsed
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.serve_args.read import read_command

ROOM = Path(vllm_costmeter.cli.check.__file__).parent
DOORS = {("command.py", "run"), ("request.py", "request_from")}


def test_no_function_past_the_door_takes_a_namespace() -> None:
    """A misspelt name of a flag is then a fault of types, not of a run."""
    takers = {
        (file.name, each.name)
        for file in ROOM.glob("*.py")
        for each in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(each, ast.FunctionDef)
        for argument in (*each.args.args, *each.args.kwonlyargs)
        if argument.annotation is not None and "Namespace" in ast.unparse(argument.annotation)
    }
    assert takers == DOORS


def test_a_files_server_keeps_what_the_command_line_leaves_open() -> None:
    """Flags given here override the file's; how to answer is never the file's to say."""
    here = parsed(["--gpu", "L4", "--max-model-len", "2k", "--format", "json", "--strict"])
    words = ["MODEL", "--costmeter-gpu", "T4", "--max-model-len", "1k", "--max-num-seqs", "8"]
    declared = read_command(words, NEWEST)
    merged = here.over(declared, NEWEST, None)
    assert (merged.models, merged.gpu) == (("MODEL",), "L4")
    assert merged.serve.memory == {"max_model_len": 2000, "max_num_seqs": 8}
    assert (merged.format, merged.is_strict) == ("json", True)
    assert parsed([]).over(declared, NEWEST, None).gpu == "T4"


def test_an_empty_name_of_a_gpu_is_given() -> None:
    """An unset variable of a script must not become the file's GPU."""
    declared = read_command(["MODEL", "--costmeter-gpu", "T4"], NEWEST)
    assert parsed(["--gpu", ""]).over(declared, NEWEST, None).gpu == ""
