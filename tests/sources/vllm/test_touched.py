"""The list of what the plugin touches of vLLM is complete: derived anew from the plugin's own code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import vllm_costmeter
from vllm_costmeter.sources.vllm.incomplete import NEUTRAL
from vllm_costmeter.sources.vllm.touched import (
    CALLS,
    CONFIGURATION,
    HOOKS,
    STATISTICS,
    WITHOUT,
    WORKERS,
)

PACKAGE = Path(vllm_costmeter.__file__).parent
READING = (
    "sources/vllm/config.py",
    "sources/vllm/step_stats.py",
    "plugin/serving/mfu_work.py",
    "plugin/serving/served_model.py",
    "plugin/serving/meter.py",
    "plugin/starting/worker_report.py",
    "plugin/starting/preflight.py",
    "plugin/stat_logger.py",
)
"""Where vLLM's objects are parameters annotated with `Any`, as none of its classes is imported."""
OTHERS = {"to_dict", "name", "value", "parameters", "numel", "element_size", "additional_config", "path"}
"""Of Python, torch and transformers, or EngineArgs' own fields, which the table of flags lists."""
ENGINE_ARGS = {
    "optimization_level",
    "limit_mm_per_prompt",
    "device_ids",
    "served_model_name",
    "model",
    "num_redundant_experts",
}
ROWS = (*HOOKS, *CALLS, *CONFIGURATION, *STATISTICS, *WORKERS)


def read(function: ast.FunctionDef) -> Iterator[str]:
    """Every attribute of what a function was given as `Any`, also through names that it assigns."""
    given = [*function.args.args, *function.args.kwonlyargs]
    theirs = {each.arg for each in given if each.annotation and ast.unparse(each.annotation) == "Any"}
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Attribute)
            and _root(node.value) in theirs
        ):
            theirs |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.For | ast.comprehension) and _root(node.iter) in theirs:
            theirs |= {node.target.id} if isinstance(node.target, ast.Name) else set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and _root(node) in theirs:
            yield node.attr
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=name), *_]):
                if _root(owner) in theirs:
                    yield str(name)


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def test_every_attribute_that_is_read_of_vllm_is_on_the_list() -> None:
    """Of its configuration, statistics and workers."""
    listed = {name for row in ROWS for name in row} | {row.at for row in ROWS} | OTHERS | ENGINE_ARGS
    for file in READING:
        for node in ast.walk(ast.parse((PACKAGE / file).read_text())):
            if isinstance(node, ast.FunctionDef) and node.name not in ("_completed", "remembered", "record"):
                unlisted = set(read(node)) - listed - _own(file)
                assert unlisted == set(), f"{file} {node.name}"


def _own(file: str) -> set[str]:
    """Our own methods: `self` is never annotated, but what a class keeps of vLLM's may be."""
    found = ast.walk(ast.parse((PACKAGE / file).read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef)} | {"model_runner", "worker"}


def test_every_module_that_is_imported_or_looked_up_is_on_the_list() -> None:
    """Outside exact mode, whose process may fail as a whole."""
    listed = {row.module for row in ROWS} | {"vllm.v1.metrics"}
    for file in (PACKAGE / "plugin").rglob("*.py"):
        if "exact" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("vllm."):
                assert node.module in listed, file.name
                names = {name for row in ROWS for name in (*row, row.owner, row.module.rpartition(".")[2])}
                assert {each.name for each in node.names} <= names, file.name


def test_every_part_says_what_is_lost_and_every_loss_has_a_part() -> None:
    used = {part for row in ROWS for part in row.parts.split()}
    assert used | {"exact"} == WITHOUT.keys()
    assert used >= NEUTRAL.keys()
    neutral = {name for values in NEUTRAL.values() for name in values}
    assert neutral <= {name for row in STATISTICS for name in row}
