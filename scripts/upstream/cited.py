"""Code of vLLM that our own code names as a source, or that sizes a cache or a weight, and that a release changed."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "vllm_costmeter"
WATCHED = frozenset(
    {
        *("get_kv_cache_spec", "get_supported_kernel_block_sizes", "get_state_shape", "get_state_dtype"),
        *("max_memory_usage_bytes", "page_size_bytes", "real_page_size_bytes", "storage_block_size"),
        *("get_kv_cache_shape", "verify_and_update_config", "get_prefill_checkpoint_alignment"),
        *("get_min_capability", "get_supported_act_dtypes", "determine_available_memory", "profile_run"),
        *(
            "supported_kv_cache_dtypes",
            "supports_compute_capability",
            "supports_kv_cache_dtype",
            "supports_sink",
        ),
        *("get_device_total_memory", "_scoped_allocator_max_split", "_supports_current_device", "CacheDType"),
        *("use_v2_model_runner", "validate_combination", "supports_head_size"),
    }
)
"""Methods that decide sizes, defaults or refusals wherever they stand."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_PATH = re.compile(r"[\w/]+\.py")
_DISTINCT = re.compile(r"_?[a-z0-9]+(_[a-z0-9]+)+|[A-Z]\w*[a-z0-9][A-Z]\w*|_?[A-Z0-9]+(_[A-Z0-9]+)+")
"""Of several parts: a word of plain English names nothing."""
MOST_NAMESAKES = 6
_FIELDS = re.compile(r"config/|v1/|engine/|platforms/")
"""Where a class's fields are settings or sizes, not parts of a model."""
OTHER_HARDWARE = re.compile(r"(^|[/_])(cpu|xpu|rocm|tpu|hpu|aiter|amd|zentorch)([/_.\d]|$)")


@dataclass(frozen=True, slots=True)
class CitedChange:
    """One definition that changed, was added or went."""

    place: str
    """`v1/core/kv_cache_utils.py: get_kv_cache_configs`"""
    what: str
    """changed, came or went"""
    cited_in: tuple[str, ...]
    """Our files that name it; empty for a watched method."""


Definitions = Mapping[tuple[str, str], str]
"""The code of each function, method and constant by (module, qualified name), without docstrings."""


def citations() -> Mapping[str, set[str]]:
    """Words of several parts in strings and comments of our code, each with the files that have it."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted(PACKAGE.rglob("*.py")):
        for text in _texts(file):
            for word in (*_WORD.findall(text), *_PATH.findall(text)):
                last = word.rpartition(".")[2]
                if word.endswith(".py") or _DISTINCT.fullmatch(last):
                    found[word].add(file.relative_to(PACKAGE).as_posix())
    return found


def _texts(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                yield token.string


def definitions(package: Path, other: Path) -> Definitions:
    """Of the folder `vllm` of one release, in the files that are not the same in the other's; other hardware left
    out."""
    found: dict[tuple[str, str], str] = {}
    for file in sorted(package.rglob("*.py")):
        module = file.relative_to(package).as_posix()
        twin = other / module
        if OTHER_HARDWARE.search(module) or (twin.is_file() and twin.read_bytes() == file.read_bytes()):
            continue
        for name, node in _defined(ast.parse(file.read_text("utf-8")).body, ""):
            is_field = isinstance(node, ast.Assign | ast.AnnAssign) and "." in name
            if not is_field or _FIELDS.match(module):
                found[module, name] = ast.unparse(_without_docstring(node))
    return found


def _defined(body: list[ast.stmt], owner: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield owner + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _defined(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((owner + each.id, node) for each in targets if isinstance(each, ast.Name))
        elif isinstance(node, ast.If):
            yield from _defined(node.body, owner)


def _without_docstring(node: ast.stmt) -> ast.stmt:
    body = getattr(node, "body", [])
    if len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        node.body = body[1:]  # type: ignore[attr-defined]
    return node


def cited_changes(before: Definitions, after: Definitions) -> list[CitedChange]:
    """Every cited or watched definition that differs, by place. A definition that moved with its code unchanged is not
    one."""
    cited = citations()
    names: dict[str, int] = defaultdict(int)
    for _, name in {*before, *after}:
        names[name.rpartition(".")[2]] += 1
    old, new = set(before.values()), set(after.values())
    found = []
    for key in sorted({*before, *after}):
        module, name = key
        if before.get(key) == after.get(key):
            continue
        moved = before.get(key) in new if key not in after else key not in before and after[key] in old
        by = _citing(module, name, cited, names)
        if (by or name.rpartition(".")[2] in WATCHED) and not moved:
            what = "changed" if key in before and key in after else "came" if key in after else "went"
            found.append(CitedChange(f"{module}: {name}", what, tuple(sorted(by))))
    return found


def _citing(module: str, name: str, cited: Mapping[str, set[str]], names: Mapping[str, int]) -> set[str]:
    """Our files that name the definition: by its last name where few share it, by its owner's and its own, or by a
    file that stands in few words."""
    owner, _, last = name.rpartition(".")
    found = set(cited.get(f"{owner.rpartition('.')[2]}.{last}", ())) if owner else set()
    if names[last] <= MOST_NAMESAKES:
        found |= cited.get(last, set())
    return found
