"""The architectures whose classes lack LoRA or EAGLE-3 support in some vLLM release, from the sources' class bases.

python -m scripts.upstream.interfaces FOLDER    read FOLDER/VERSION/vllm, update interfaces.json
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

from scripts.upstream.releases import releases_in
from scripts.upstream.source_tree import SourceTree, registered

TABLE = Path(__file__).resolve().parents[2] / "vllm_costmeter" / "sources" / "models" / "interfaces.json"
INTERFACES = {"lora": ("supports_lora", "SupportsLoRA"), "eagle3": ("supports_eagle3", "SupportsEagle3")}
"""Per feature, the flag of a class and the interface that sets it."""
NOT_SERVED = frozenset(
    {
        "_VLLM_MODELS",
        "_PREVIOUSLY_SUPPORTED_MODELS",
        "_OOT_SUPPORTED_MODELS",
        "_SPECULATIVE_DECODING_MODELS",
    }
)


def supports(tree: SourceTree, module: str, name: str, feature: tuple[str, str]) -> bool | None:
    """Whether the class has the interface; None if it is not found or differs between its variants."""
    found = {_has(tree, where, each, feature, set()) for where, each in tree.classes(module, name)}
    return found.pop() if len(found) == 1 else None


def _has(
    tree: SourceTree, module: str, class_: ast.ClassDef, feature: tuple[str, str], seen: set[tuple[str, str]]
) -> bool | None:
    flag, interface = feature
    if (module, class_.name) in seen:
        return False
    seen.add((module, class_.name))
    for node in class_.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == flag and isinstance(value, ast.Constant):
            return bool(value.value)
    unknown = False
    for base in class_.bases:
        plain = base.value if isinstance(base, ast.Subscript) else base
        name = getattr(plain, "id", getattr(plain, "attr", None))
        if name == interface:
            return True
        found = list(tree.classes(module, name)) if name else []
        unknown = unknown or (not found and (name is None or name.startswith("_")))
        for where, each in found:
            inherited = _has(tree, where, each, feature, seen)
            if inherited:
                return True
            unknown = unknown or inherited is None
    return None if unknown else False


def table(folder: Path) -> dict[str, object]:
    """Per feature, the first release in which an architecture has it (null: none), of those that once lacked it."""
    releases = [each for each in releases_in(folder) if each != "0.16.0"]
    found: dict[str, dict[str, list[tuple[str, bool | None]]]] = {feature: {} for feature in INTERFACES}
    for release in releases:
        tree = SourceTree(folder / release)
        for architecture, place in registered(tree, NOT_SERVED).items():
            for feature, interface in INTERFACES.items():
                has = supports(tree, *place, interface)
                found[feature].setdefault(architecture, []).append((release, has))
    source = f"classes of vllm/model_executor/models and vllm/models of {releases[0]} to {releases[-1]}"
    return {"source": source} | {
        feature: {name: first for name, seen in sorted(by.items()) if (first := _first(seen)) != seen[0][0]}
        for feature, by in found.items()
    }


def _first(seen: list[tuple[str, bool | None]]) -> str | None:
    """The release from which the feature stays; the first of all where one of them is unknown."""
    if any(has is None for _, has in seen):
        return seen[0][0]
    lacking = [number for number, (_, has) in enumerate(seen) if not has]
    after = lacking[-1] + 1 if lacking else 0
    return seen[after][0] if after < len(seen) else None


if __name__ == "__main__":
    TABLE.write_text(json.dumps(table(Path(sys.argv[1])), indent=0) + "\n")
