"""The architectures whose classes lack LoRA or EAGLE-3 support in some vLLM release, from the sources' class bases.

python -m scripts.upstream.interfaces FOLDER    read FOLDER/VERSION/vllm, update interfaces.json
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.upstream.releases import releases_in

TABLE = Path(__file__).resolve().parents[2] / "vllm_costmeter" / "sources" / "models" / "interfaces.json"
REGISTRY = Path("vllm") / "model_executor" / "models" / "registry.py"
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
OTHER_HARDWARE = (".amd", ".xpu", ".cpu", ".rocm")


class Module:
    """Classes, imports and aliases of one file."""

    def __init__(self, name: str, file: Path) -> None:
        self.classes: dict[str, ast.ClassDef] = {}
        self.imports: dict[str, list[tuple[str, str]]] = {}
        self.aliases: dict[str, str] = {}
        self.folder = file.parent if file.name == "__init__.py" else None
        package = name if self.folder else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                self.classes.setdefault(node.name, node)
            elif isinstance(node, ast.ImportFrom):
                parts = package.split(".")
                above = parts[: len(parts) - node.level + 1] if node.level else []
                source = ".".join([*above, *([node.module] if node.module else [])])
                for each in node.names:
                    self.imports.setdefault(each.asname or each.name, []).append((source, each.name))
            elif isinstance(node, ast.Assign):
                self._alias(node.targets[0], node.value)

    def _alias(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name) and isinstance(value, ast.Name):
            self.aliases[target.id] = value.id


class Sources:
    """The model classes of one release."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, Module | None] = {}

    def supports(self, module: str, name: str, flag: str, interface: str) -> bool | None:
        """Whether the class has the interface; None if it is not found or differs between its variants."""
        found = {self._has(where, each, flag, interface, set()) for where, each in self._find(module, name)}
        return found.pop() if len(found) == 1 else None

    def _has(
        self, module: str, class_: ast.ClassDef, flag: str, interface: str, seen: set[tuple[str, str]]
    ) -> bool | None:
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
            found = list(self._find(module, name)) if name else []
            unknown = unknown or (not found and (name is None or name.startswith("_")))
            for where, each in found:
                inherited = self._has(where, each, flag, interface, seen)
                if inherited:
                    return True
                unknown = unknown or inherited is None
        return None if unknown else False

    def _find(
        self, module: str, name: str, seen: tuple[tuple[str, str], ...] = ()
    ) -> Iterator[tuple[str, ast.ClassDef]]:
        read = self._module(module)
        if read is None or (module, name) in seen:
            return
        if name in read.classes:
            yield module, read.classes[name]
            return
        seen = (*seen, (module, name))
        if name in read.aliases:
            yield from self._find(module, read.aliases[name], seen)
            return
        found = [
            each
            for source, original in read.imports.get(name, ())
            if not any(part in source for part in OTHER_HARDWARE)
            for each in self._find(source, original, seen)
        ]
        yield from found or self._below(read, name)

    def _below(self, read: Module, name: str) -> list[tuple[str, ast.ClassDef]]:
        """The class in a package that imports it only when asked: NVIDIA's variant goes first."""
        found = []
        for file in sorted(read.folder.rglob("*.py")) if read.folder else ():
            module = ".".join(file.relative_to(self._folder).with_suffix("").parts)
            is_own = file.name != "__init__.py" and not any(part in module for part in OTHER_HARDWARE)
            if is_own and f"class {name}(" in file.read_text("utf-8"):
                below = self._module(module)
                if below is not None:
                    found.append((module, below.classes[name]))
        return [each for each in found if ".nvidia." in each[0]] or found

    def _module(self, name: str) -> Module | None:
        if name not in self._modules:
            path = self._folder.joinpath(*name.split("."))
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            self._modules[name] = Module(name, file) if file.is_file() else None
        return self._modules[name]


def served(folder: Path) -> Mapping[str, tuple[str, str]]:
    """Architecture -> module and class of one release's registry."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.parse((folder / REGISTRY).read_text("utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name) or not isinstance(value, ast.Dict):
            continue
        if target.id.endswith("_MODELS") and target.id not in NOT_SERVED:
            for key, place in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(place, ast.Tuple):
                    module, name = (str(ast.literal_eval(part)) for part in place.elts[:2])
                    found[str(key.value)] = (
                        module if module.startswith("vllm.") else f"vllm.model_executor.models.{module}",
                        name,
                    )
    return found


def table(folder: Path) -> dict[str, object]:
    """Per feature, the first release in which an architecture has it (null: none), of those that once lacked it."""
    releases = [each for each in releases_in(folder) if each != "0.16.0"]
    found: dict[str, dict[str, list[tuple[str, bool | None]]]] = {feature: {} for feature in INTERFACES}
    for release in releases:
        sources = Sources(folder / release)
        for architecture, place in served(folder / release).items():
            for feature, interface in INTERFACES.items():
                has = sources.supports(*place, *interface)
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
