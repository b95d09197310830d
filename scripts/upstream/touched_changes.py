"""What of vLLM the plugin wraps, reads, is called by or imports, compared between two releases by declaration."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.upstream.source_tree import SourceTree
from vllm_costmeter.sources.vllm.touched import CALLS, CONFIGURATION, HOOKS, STATISTICS, WITHOUT, WORKERS

EXACT = Path(__file__).resolve().parents[2] / "vllm_costmeter" / "plugin" / "exact"
STATISTICS_MODULES = ("vllm.v1.metrics.stats", "vllm.v1.metrics.perf", "vllm.v1.spec_decode.metrics")
UNSTABLE = (
    "SchedulerStats",
    "IterationStats",
    "PromptTokenStats",
    "FinishedRequestStats",
    "SpecDecodingStats",
    "PerfStats",
)


@dataclass(frozen=True, slots=True)
class TouchedChange:
    """One thing whose declaration differs."""

    name: str
    before: str | None
    after: str | None
    lost: str
    """What goes without it."""


def touched_changes(before: SourceTree, after: SourceTree) -> Iterator[TouchedChange]:
    """Of the plugin in a server (`touched.py`), and of exact mode (its imports)."""
    seen = set()
    for row in (*HOOKS, *CALLS, *CONFIGURATION, *STATISTICS, *WORKERS):
        for name in row:
            place = (row.module, row.owner, name)
            if place not in seen:
                seen.add(place)
                lost = " and ".join(WITHOUT[part] for part in row.parts.split())
                yield from _change(before, after, place, lost)
    for module, name in imported_by_exact(after):
        yield from _change(before, after, (module, "", name), WITHOUT["exact"])


def _change(
    before: SourceTree, after: SourceTree, place: tuple[str, str, str], lost: str
) -> Iterator[TouchedChange]:
    one, other = before.described(*place), after.described(*place)
    if one != other:
        yield TouchedChange(".".join(filter(None, place)), one, other, lost)


def imported_by_exact(tree: SourceTree) -> Iterator[tuple[str, str]]:
    """(module, name) of every import of vLLM in exact mode, and of every name that it takes from an imported module."""
    for file in sorted(EXACT.rglob("*.py")):
        modules: dict[str, str] = {}
        parsed = ast.parse(file.read_text())
        for node in ast.walk(parsed):
            if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "vllm":
                for each in node.names:
                    inner = f"{node.module}.{each.name}"
                    if tree.module(inner) is not None:
                        modules[each.asname or each.name] = inner
                    else:
                        yield str(node.module), each.name
            if isinstance(node, ast.Import):
                modules |= {
                    each.asname or each.name: each.name
                    for each in node.names
                    if each.name.startswith("vllm.")
                }
        for node in ast.walk(parsed):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules:
                yield modules[ast.unparse(node.value)], node.attr
            match node:
                case ast.Call(
                    func=ast.Name(id="getattr"), args=[ast.Name(id=owner), ast.Constant(value=name), *_]
                ) if owner in modules:
                    yield modules[owner], str(name)


def statistics_changes(before: SourceTree, after: SourceTree) -> Iterator[str]:
    """Fields of the classes whose objects reach our hook, added and gone."""
    for module in STATISTICS_MODULES:
        for name in UNSTABLE:
            one, other = ({*_fields(tree, module, name)} for tree in (before, after))
            yield from (f"+ {name}.{field}" for field in sorted(other - one))
            yield from (f"- {name}.{field}" for field in sorted(one - other))


def _fields(tree: SourceTree, module: str, name: str) -> Iterator[str]:
    read = tree.module(module)
    class_ = read.defined.get(name) if read else None
    for node in ast.walk(class_) if isinstance(class_, ast.ClassDef) else ():
        if isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target).removeprefix("self.")
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("self."):
            yield ast.unparse(node.targets[0]).removeprefix("self.")
